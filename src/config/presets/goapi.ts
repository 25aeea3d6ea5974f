import { UNDER_WAY } from "./nca.ts";

/**
 * What the base of the seeds has GoAPI do; laid over the preset `nca` where GoAPI is configured. The files lie on hosts
 * of its own under names that only it knows, so there is nothing to probe: `outputs` is empty.
 */
export const goapi = {
  operations: {
    video: {
      types: [],
      outputs: [],
      provider: "goapi",
      target: {
        table: "Segments",
        links: ["Segments", "Related Segment Video"],
        payloadKeys: ["segment_id", "record_id"],
      },
      attachment: "Video",
      set: { Status: "Video Ready" },
      setFrom: { Status: UNDER_WAY },
    },
    generate_music_only: {
      types: [],
      outputs: [],
      provider: "goapi",
      target: { table: "Videos", links: ["Related Video"], payloadKeys: ["video_id", "record_id"] },
      attachment: "Music",
    },
  },
};
