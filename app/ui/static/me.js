// Who is at the page and what they may do. The server checks every call itself; this only spares a click that would be refused.

import { h } from "./dom.js";
import { get } from "./api.js";

/** Fires `change` with the answer of /me when somebody signs in or out. */
export const who = new EventTarget();

/** What each role may do, in the order in which they grow. */
export const ROLES = {
  visitor: "asks questions and may object to a ranking",
  annotator: "puts passages in order for projects",
  reviewer: "compares judgements and decides",
  researcher: "sees the dashboard and takes data away",
  admin: "makes projects, invites people, gives roles",
};

let asked = null;

/** The answer of /me, asked once for the whole page. */
export function me() {
  asked ??= get("me").catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

/** Asks again, and tells everybody. */
export async function again() {
  asked = null;
  const now = await me();
  who.dispatchEvent(new CustomEvent("change", { detail: now }));
  return now;
}

/** What stands in place of a screen for which somebody lacks the role; null where they have it. */
export function gate(now, role, what) {
  if (now.roles.includes(role)) return null;
  const has = now.roles.filter((r) => r !== "visitor");
  const can = now.signed_in
    ? `You have ${has.length ? `the roles ${has.join(", ")}` : "a visitor's role only"}. An admin of this studio can give it to you.`
    : "Sign in with an account that has it; an admin of this studio can invite you.";
  return h(
    "section",
    { class: "empty big", "data-testid": `needs-${role}` },
    h("h2", null, `${what} takes the role ${role}`),
    h("p", null, can),
    now.can_sign_in && !now.signed_in
      ? h(
          "button",
          {
            type: "button",
            class: "primary",
            "data-testid": "gate-sign-in",
            onclick: () => who.dispatchEvent(new Event("wanted")),
          },
          "Sign in",
        )
      : null,
  );
}
