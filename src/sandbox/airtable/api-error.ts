/** An answer that is an error, in Airtable's shapes. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: unknown;
  constructor(status: number, type: string, message: string) {
    super(message);
    this.name = "Refused";
    this.status = status;
    this.body = { error: { type, message } };
  }
}

/** A 422, which is what most mistakes are answered with. */
export function invalid(type: string, message: string): ApiError {
  return new ApiError(422, type, message);
}
