// People in the tab Manage: accounts with their roles and trust, and invitations.

import { h, moment } from "./dom.js";
import { get, post } from "./api.js";
import { ROLES } from "./me.js";
import { checks, copier, field, form } from "./forms.js";
import { failed, fillWith } from "./tab.js";

const GIVEN = Object.entries(ROLES).filter(([role]) => role !== "visitor");
const patch = (path, value) => post(path, value, { method: "PATCH" });

/** Accounts, each a row that saves itself. `say` tells a screen reader. */
export function accounts(say) {
  const box = h("section", { "data-testid": "accounts" });
  fillWith(box, async () => {
    const found = (await get("accounts")).accounts;
    return [
      h("h2", null, "Accounts"),
      found.length
        ? h(
            "ul",
            { class: "cardlist" },
            found.map((a) => h("li", { class: "panel" }, account(a, say))),
          )
        : h("p", { class: "empty" }, "Nobody has an account yet. Invite somebody under Invitations."),
    ];
  });
  return box;
}

function account(a, say) {
  const told = h("p", { class: "save-state", role: "status" });
  const save = async (change, words) => {
    told.textContent = "Saving \u2026";
    try {
      await patch(`accounts/${encodeURIComponent(a.id)}`, change);
      Object.assign(a, change);
      told.className = "save-state saved";
      told.textContent = words;
      say(words);
    } catch (error) {
      told.className = "save-state refused";
      told.replaceChildren(failed(error));
    }
  };
  const roles = checks({ name: "role", label: "Roles", choices: GIVEN.map(([role]) => [role, role]), chosen: a.roles });
  roles.el.addEventListener("change", () => save({ roles: ["visitor", ...roles.value] }, `Roles of ${a.name} saved.`));
  const trust = field({
    name: "trust",
    label: "Trust, 0 to 1",
    hint: "Weighs this person's work in training.",
    type: "number",
    min: 0,
    max: 1,
    step: 0.05,
    value: a.trust ?? "",
  });
  trust.input.addEventListener("change", () => save({ trust: trust.value ?? 0 }, `Trust of ${a.name} saved.`));
  const state = h("button", { type: "button", class: "quiet", "data-testid": "account-state", onclick: () => flip() });
  const head = h("span", { class: "badge" });
  const shown = () => {
    head.textContent = a.state;
    head.className = `badge ${a.state === "active" ? "good" : "warn"}`;
    if (a.locked) head.textContent = `${a.state}, locked after wrong passwords`;
    state.textContent = a.state === "active" ? "Disable" : "Enable";
    state.setAttribute("aria-label", `${state.textContent} ${a.name}`);
  };
  const flip = async () => {
    const next = a.state === "active" ? "disabled" : "active";
    await save({ state: next }, `${a.name} is ${next} now.`);
    shown();
  };
  shown();
  return [
    h("header", { class: "row" }, h("h3", null, h("bdi", null, a.name)), head, h("span", { class: "grow" }), state),
    h("p", { class: "meta" }, h("bdi", null, a.email ?? "no e-mail"), " · ", h("code", null, a.pseudonym ?? "no pseudonym yet")),
    h("div", { class: "inrow" }, roles.el, trust.el),
    told,
  ];
}

/** Making, listing and revoking invitations. */
export function invites(say) {
  const list = h("div", { "data-testid": "invites" });
  const link = h("div", { role: "status" });
  const load = () => fillWith(list, async () => inviteRows((await get("invites")).invites, load, say));
  load();
  const make = form({
    testid: "invite-new",
    label: "Make a link",
    fields: [
      checks({
        name: "roles",
        label: "Roles of the new account",
        choices: GIVEN.map(([role, about]) => [role, role, about]),
        chosen: ["annotator"],
      }),
      field({ name: "note", label: "Note for yourself", hint: "Whom it is for; only admins see it.", maxlength: 200 }),
      field({ name: "days", label: "Days until it ends", type: "number", min: 1, max: 90, value: 14, required: true }),
    ],
    act: async (values) => {
      const answer = await post("invites", values);
      const address = new URL(answer.link, location.href).href;
      link.replaceChildren(
        h(
          "div",
          { class: "panel once" },
          h("h3", null, "The link, shown this once"),
          h("p", { class: "raw", "data-testid": "invite-link" }, address),
          h("p", { class: "row" }, copier(address, "Copy link")),
          h(
            "p",
            { class: "help" },
            "Whoever has it first can make one account with these roles. It can't be shown again; a new one can be made.",
          ),
        ),
      );
      load();
    },
  });
  return h("section", null, h("h2", null, "Invite somebody"), make, link, h("h2", null, "Invitations"), list);
}

function inviteRows(found, reload, say) {
  if (!found.length) return h("p", { class: "empty" }, "No invitation is open.");
  const revoke = async (invite, row) => {
    try {
      await post(`invites/${encodeURIComponent(invite.id)}`, {}, { method: "DELETE" });
      say("The invitation was revoked.");
      reload();
    } catch (error) {
      row.append(failed(error));
    }
  };
  return h(
    "ul",
    { class: "cardlist" },
    found.map((invite) => {
      const over = invite.state !== "open";
      const row = h(
        "li",
        { class: "panel row" },
        h(
          "div",
          { class: "grow" },
          h("b", null, invite.roles.join(", ")),
          " ",
          h("bdi", null, invite.note),
          h("p", { class: "meta" }, invite.state === "used" ? "used" : `${over ? "ended" : "ends"} ${moment(invite.expires)}`),
        ),
        over
          ? null
          : h("button", { type: "button", class: "quiet", "data-testid": "revoke", onclick: () => revoke(invite, row) }, "Revoke"),
      );
      return row;
    }),
  );
}
