// The airtable client asks for node-fetch 2, which cannot limit the time a body takes, hides
// Retry-After and Date from errors, and warns (DEP0040) on Node >= 21. src/airtable/exchange.ts
// answers instead, on Node's http.
module.exports = (url, init) => globalThis[Symbol.for("stuck-jobs.airtable-fetch")](url, init);
