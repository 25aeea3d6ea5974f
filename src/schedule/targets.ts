import { renderCrontab } from "./crontab.ts";
import { renderFly } from "./fly.ts";
import { renderGithubActions } from "./github-actions.ts";
import { renderKubernetes } from "./kubernetes.ts";
import type { Renderer, Target } from "./schedule.ts";
import { renderSystemd } from "./systemd.ts";

/** The renderer of each scheduler. */
export const RENDERERS: Readonly<Record<Target, Renderer>> = {
  crontab: renderCrontab,
  systemd: renderSystemd,
  fly: renderFly,
  kubernetes: renderKubernetes,
  "github-actions": renderGithubActions,
};
