import { UNDER_WAY } from "./nca.ts";

/**
 * The operations that GoAPI does, added to the preset `nca` where GoAPI is configured. Its files are on hosts of its own,
 * under names that only it knows, so there is nothing to probe: `outputs` is empty.
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
