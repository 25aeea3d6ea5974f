/** Statuses of a segment that mean work under way, or that a handler failed: a status of `set` may take their place. */
export const UNDER_WAY = [
  "Generating Voiceover",
  "Voiceover Failed",
  "Combining Media",
  "combination_failed",
  "Combination Failed",
  "Generating Image",
  "Image Generation Failed",
  "Generating Video",
  "Video Generation Failed",
  "Undefined",
];

/**
 * The preset of NCA Toolkit's users: workers that write to a Space, and jobs in the table "Jobs". With it a base id and a
 * token are enough. It has the form of a configuration file, which overrides it key by key.
 * Output names are those of NCA's code: ffmpeg/compose writes `{id}_output_{i}.mp4`, video/concatenate `{id}.mp4`.
 */
export const nca = {
  jobs: {
    table: "Jobs",
    fields: {
      status: "Status",
      type: "Type",
      externalId: "External Job ID",
      requestPayload: "Request Payload",
      responsePayload: "Response Payload",
      webhookUrl: "Webhook URL",
      error: "Error Details",
      notes: "Notes",
    },
    stuckStatuses: ["processing"],
    completedStatus: "completed",
    failedStatus: "failed",
  },
  storage: {
    baseUrl: "https://phi-bucket.nyc3.digitaloceanspaces.com/phi-bucket",
    // compose, concatenate, trim and cut, split, caption, thumbnail, audio, transcribe.
    otherNames: [
      "{externalId}.mp4",
      "{externalId}_output_0.mp4",
      "{externalId}_output_1.mp4",
      "{externalId}_output_0.mov",
      "{externalId}_output_0.webm",
      "{externalId}_output.mp4",
      "{externalId}_split_0.mp4",
      "{externalId}_split_1.mp4",
      "{externalId}_captioned.mp4",
      "{externalId}_thumbnail.jpg",
      "{externalId}.mp3",
      "{externalId}_output_0.mp3",
      "{externalId}.txt",
      "{externalId}.srt",
      "{externalId}.json",
    ],
  },
  operations: {
    combine: {
      types: ["combine"],
      outputs: ["{externalId}_output_0.mp4"],
      provider: "nca",
      webhookEndpoint: "/v1/ffmpeg/compose",
      target: {
        table: "Segments",
        links: ["Segments", "Related Segment Video"],
        payloadKeys: ["segment_id", "record_id"],
      },
      attachment: "Voiceover + Video",
      set: { Status: "combined" },
      // A segment's video is made before it is combined.
      setFrom: { Status: [...UNDER_WAY, "Video Ready"] },
    },
    concatenate: {
      types: ["concatenate"],
      outputs: ["{externalId}.mp4", "{externalId}_output_0.mp4"],
      provider: "nca",
      webhookEndpoint: "/v1/video/concatenate",
      target: { table: "Videos", links: ["Related Video"], payloadKeys: ["video_id", "record_id"] },
      attachment: "Combined Segments Video",
    },
    add_music: {
      types: ["add_music_to_video", "final"],
      outputs: ["{externalId}_output_0.mp4", "{externalId}.mp4"],
      provider: "nca",
      webhookEndpoint: "/v1/ffmpeg/compose",
      target: { table: "Videos", links: ["Related Video"], payloadKeys: ["video_id", "record_id"] },
      attachment: "Video + Music",
    },
    image_zoom: {
      types: [],
      outputs: ["{externalId}_output_0.mp4"],
      provider: "nca",
      webhookEndpoint: "/v1/ffmpeg/compose",
      target: {
        table: "Segments",
        links: ["Segments", "Related Segment Video"],
        payloadKeys: ["segment_id", "record_id"],
      },
      attachment: "Video",
      set: { Status: "Video Ready" },
      setFrom: { Status: UNDER_WAY },
    },
  },
};
