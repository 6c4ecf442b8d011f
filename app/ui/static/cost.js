// What a run costs, in words: predicted before it, measured after it.

import { count } from "./dom.js";

const whole = (n) => Number(n).toLocaleString("en");
/** Two digits are all that a prediction of tokens is worth. */
const rough = (n) => whole(Number(Number(n).toPrecision(2)));

/** A pair of least and most: one number where they agree. */
export const range = ([least, most], say = whole) => (say(least) === say(most) ? say(most) : `${say(least)}–${say(most)}`);

const tokens = (pair, exact) => `${exact ? "" : "≈ "}${range(pair, rough)}`;

/** A prediction as one sentence; tokens come once there is a question to measure. */
export function predictionText(p) {
  if (!p.calls[1]) return "Predicted: no model is asked.";
  const [calls, depth] = [range(p.calls), range(p.depth)];
  const plan = `${calls} ${p.calls[1] === 1 ? "call" : "calls"}, ${depth} deep`;
  if (!p.tokens_in[1]) return `Predicted: ${plan}; tokens once there is a question.`;
  const most = p.most_out > p.tokens_out[1] ? ` (at most ${whole(p.most_out)})` : "";
  const about = p.exact ? "about " : "";
  return `Predicted: ${plan}, ${about}${tokens(p.tokens_in, p.exact)} tokens in, ${tokens(p.tokens_out, p.exact)} out${most}.`;
}

/** A measured number beside its prediction. */
export function beside(real, pair) {
  if (!pair) return whole(real);
  if (pair[0] === pair[1] && pair[0] === real) return `${whole(real)} (as predicted)`;
  return `${whole(real)} (predicted ${range(pair)})`;
}

/** Tokens read or written, beside the prediction; `counted` says whose count it is. */
export function tokensBeside(real, counted, pair, exact) {
  const said = `${counted ? "" : "≈ "}${whole(real)}`;
  return pair?.[1] ? `${said} (predicted ${tokens(pair, exact)})` : said;
}

/** Requests beyond the calls of the plan, in words; empty where there were none. Answers from the cache sent nothing. */
export function beyond(run) {
  const sent = run.windows.filter((w) => !w.cached);
  const extra = (run.requests ?? sent.length) - sent.length;
  if (extra <= 0) return "";
  const forced = Math.min(extra, sent.filter((w) => w.forced).length);
  const rest = extra - forced;
  const retries = rest === 1 ? "1 retry" : `${rest} retries`;
  return [forced ? count(forced, "forced answer") : "", rest ? retries : ""].filter(Boolean).join(", ");
}
