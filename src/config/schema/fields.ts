import * as z from "zod";
import { isPlainHttpUrl } from "./formats.ts";

export const text = z.string().min(1);

export const httpUrl = z.string().refine(isPlainHttpUrl, {
  error: "expected an http or https URL without user, password, query and fragment",
});
