/** An error answer in one of Airtable's shapes. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: unknown;
  constructor(status: number, type: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.body = { error: { type, message } };
  }
}

/** Creates a 422, Airtable's answer to most invalid requests. */
export function invalid(type: string, message: string): ApiError {
  return new ApiError(422, type, message);
}
