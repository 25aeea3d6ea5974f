/** Where texts are put for which there is no room in memory. Both methods throw what the system tells. */
export interface Spill {
  /** Keeps a text; gives back its place. */
  put(text: string): number;
  /** The text that was put there. */
  get(place: number): string;
}

/** What has a body: its place in the spill, null while it was never put there. */
export interface Embodied {
  place: number | null;
}

interface Loaded<Body> {
  readonly body: Body;
  /** Whether the spill has it as it is. */
  kept: boolean;
}

/**
 * So many bodies at least are in memory, twice as many at most: what is probed and written just now. With many more
 * they would grow old there, and V8 lets what grew old lie for long when it is done with.
 */
const ROOM = 100;

/**
 * The bodies of many things, as JSON has them: those that were used last are in memory, and the others in the spill.
 * Without a spill all are in memory; so is all that comes after one has failed to take more, which `missed` is told.
 */
export class Bulk<Body> {
  readonly #spill: Spill | null;
  readonly #missed: (error: unknown) => void;
  readonly #room: number;
  #takesMore: boolean;
  #recent = new Map<Embodied, Loaded<Body>>();
  #before = new Map<Embodied, Loaded<Body>>();

  constructor(spill: Spill | null, missed: (error: unknown) => void = () => undefined, room: number = ROOM) {
    this.#spill = spill;
    this.#missed = missed;
    this.#room = room;
    this.#takesMore = spill !== null;
  }

  /** Takes the body of something new. */
  add(owner: Embodied, body: Body): void {
    this.#take(owner, { body, kept: false });
  }

  /** A body, to be read. */
  of(owner: Embodied): Readonly<Body> {
    return this.#loaded(owner).body;
  }

  /** A body, to be changed before anything else is asked for. */
  toChange(owner: Embodied): Body {
    const loaded = this.#loaded(owner);
    loaded.kept = false;
    return loaded.body;
  }

  #loaded(owner: Embodied): Loaded<Body> {
    const recent = this.#recent.get(owner);
    if (recent !== undefined) return recent;
    const before = this.#before.get(owner);
    const loaded = before ?? { body: this.#read(owner), kept: true };
    this.#before.delete(owner);
    this.#take(owner, loaded);
    return loaded;
  }

  #read({ place }: Embodied): Body {
    if (this.#spill === null || place === null) throw new Error("asked for a body that was never added");
    return JSON.parse(this.#spill.get(place));
  }

  /** Two generations: when the younger is full, those of the elder, of which none was used since, are put away. */
  #take(owner: Embodied, loaded: Loaded<Body>): void {
    this.#recent.set(owner, loaded);
    if (this.#recent.size < this.#room || !this.#takesMore) return;
    try {
      for (const [each, one] of this.#before) {
        if (!one.kept) each.place = this.#spill?.put(JSON.stringify(one.body)) ?? null;
        this.#before.delete(each);
      }
      this.#before = this.#recent;
      this.#recent = new Map();
    } catch (error) {
      this.#takesMore = false;
      this.#missed(error);
    }
  }
}
