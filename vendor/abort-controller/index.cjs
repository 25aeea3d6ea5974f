// Node has had its own since version 15; the airtable client still asks for the polyfill.
module.exports = globalThis.AbortController;
