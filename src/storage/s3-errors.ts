import { StorageConfigError } from "../core/ports/errors.ts";
import { type HttpResponse, header } from "../http/response.ts";
import { parseError } from "./s3-xml.ts";

const KEY = "The storage does not know this access key. Check the access key id, and that it is one of this provider.";
const SECRET = "The secret does not belong to this access key. Check the secret access key.";
const SESSION = "The session token is not, or no longer, valid. Get new temporary credentials.";
const CLOCK = "This machine's clock is more than 15 minutes off. Set it.";
const REGION = "Set storage.credentials.region to the bucket's region, and storage.baseUrl to that region's host.";
const BUCKET = "Check the bucket in storage.baseUrl, and storage.addressing.";
const ACCOUNT = "The storage has closed the account of this access key. Ask the provider.";

/**
 * Codes that are about the request and not about the object: no answer to such a request says anything of an object.
 * From S3's list of error codes, Ceph's, and Cloudflare R2's.
 */
export const CONFIG_ERROR_CODES: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: KEY,
  InvalidSecurity: KEY,
  Unauthorized: KEY,
  SignatureDoesNotMatch: SECRET,
  ExpiredToken: SESSION,
  InvalidToken: SESSION,
  TokenRefreshRequired: SESSION,
  RequestTimeTooSkewed: CLOCK,
  RequestExpired: CLOCK,
  ExpiredRequest: CLOCK,
  AuthorizationHeaderMalformed: REGION,
  AuthorizationQueryParametersError: REGION,
  InvalidRegionName: REGION,
  IllegalLocationConstraintException: REGION,
  PermanentRedirect: REGION,
  IncorrectEndpoint: REGION,
  NoSuchBucket: BUCKET,
  InvalidBucketName: BUCKET,
  AccountProblem: ACCOUNT,
  AllAccessDisabled: ACCOUNT,
  NotSignedUp: ACCOUNT,
  UserSuspended: ACCOUNT,
};

/**
 * Returns the code of an S3 error, which stands in the body of the answer to a GET; null where there is none.
 *
 * @throws StorageConfigError where the credentials, the clock, the region or the bucket's name are wrong
 */
export function readErrorCode(reply: HttpResponse, url: URL): string | null {
  const refusal = reply.complete ? parseError(reply.body.toString("utf8")) : null;
  if (refusal === null) return null;
  const { code } = refusal;
  if (!Object.hasOwn(CONFIG_ERROR_CODES, code)) return code;
  const region = refusal.region ?? header(reply, "x-amz-bucket-region");
  const named = region !== null && CONFIG_ERROR_CODES[code] === REGION ? ` The storage names ${region}.` : "";
  const message = `${url.host} refused a signed request: HTTP ${reply.status} ${code}`;
  throw new StorageConfigError(code, message, `${CONFIG_ERROR_CODES[code]}${named}`);
}
