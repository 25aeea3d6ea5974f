import type { Operation } from "../domain/operation.ts";
import type { OutputPlace, OutputProbe } from "../ports/ports.ts";
import type { SweepContext } from "./context.ts";

type Places = Pick<SweepContext, "probe" | "otherNames" | "ownPlaces">;

/** Returns where the outputs of an operation are: in a storage of its own, else in the general one. */
export function placeOf({ name }: Pick<Operation, "name">, run: Places): OutputPlace {
  return run.ownPlaces.get(name) ?? run;
}

/** Returns the probes of all storages, each once. */
export function allProbes({ probe, ownPlaces }: Omit<Places, "otherNames">): readonly OutputProbe[] {
  return [...new Set([probe, ...[...ownPlaces.values()].map((place) => place.probe)])];
}
