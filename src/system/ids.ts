// For what needs to be told apart and is no secret. node:crypto takes a tenth of an empty Node's time to load, which a run
// that finds nothing would spend for the name of its lock and for its id.

/** A random UUID (RFC 9562, version 4). V8 seeds its generator from the system's entropy, in each process anew. */
export function newId(): string {
  const digits = (length: number) => Array.from({ length }, () => Math.floor(Math.random() * 16).toString(16)).join("");
  const variant = (8 + Math.floor(Math.random() * 4)).toString(16);
  return `${digits(8)}-${digits(4)}-4${digits(3)}-${variant}${digits(3)}-${digits(12)}`;
}

/** 16 hexadecimal digits that stand for a text: 32-bit FNV-1a from two offsets. */
export function digestOf(text: string): string {
  const half = (offset: number) => {
    let hash = offset;
    for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, "0");
  };
  return half(0x811c9dc5) + half(0x9e3779b9);
}
