// <rr-account>: in the page's header: who is at the page, signing in and out, and what belongs to the account.

import { h } from "./dom.js";
import { post, url } from "./api.js";
import { adopt } from "./sheets.js";
import { again, me, who, ROLES } from "./me.js";
import { Refused, dialog, field, form } from "./forms.js";

const WORD = "delete my data"; // what has to be typed before anything is deleted
const OIDC = new URL("../auth/oidc/start", import.meta.url).href;
const SHORTEST = 10; // characters of a new password

class Account extends HTMLElement {
  connectedCallback() {
    if (this.box) return;
    this.root = adopt(this);
    this.box = h("div", { class: "account", "data-testid": "account" });
    this.root.append(this.box);
    who.addEventListener("change", (e) => this.draw(e.detail));
    who.addEventListener("wanted", () => this.signIn());
    document.addEventListener("click", (e) => {
      if (this.menu?.open && !e.composedPath().includes(this.menu)) this.menu.open = false;
    });
    this.load();
  }

  async load() {
    try {
      this.draw(await me());
    } catch (error) {
      this.box.replaceChildren(h("span", { class: "meta", title: error.message }, "Account unknown"));
    }
    const token = new URL(location.href).searchParams.get("invite");
    if (token) this.accept(token);
  }

  draw(now) {
    this.now = now;
    this.menu = null;
    if (now.signed_in) this.menu = this.list(now);
    const out = now.local
      ? h(
          "span",
          { class: "meta", "data-testid": "account-local", title: "Nobody signs in on this machine: you have every role." },
          "Local",
        )
      : h("button", { type: "button", class: "quiet", "data-testid": "sign-in", onclick: () => this.signIn() }, "Sign in");
    this.box.replaceChildren(this.menu ?? (now.local || now.can_sign_in ? out : h("span", { class: "meta" }, "Visitor")));
  }

  list(now) {
    const act = (testid, text, onclick, kind = "") =>
      h("button", { type: "button", class: `quiet ${kind}`, "data-testid": testid, onclick }, text);
    const menu = h(
      "details",
      { class: "menu", "data-testid": "account-menu" },
      h("summary", null, h("bdi", null, now.name)),
      h(
        "div",
        { class: "sheet" },
        h("p", { class: "meta" }, "Others see you as ", h("code", null, now.pseudonym ?? "nobody yet"), "."),
        h(
          "ul",
          { class: "roles", "aria-label": "Your roles" },
          now.roles.map((r) => h("li", null, h("b", null, r), ` ${ROLES[r] ?? ""}`)),
        ),
        act("change-password", "Change password", () => this.password()),
        h("a", { class: "button quiet", href: url("me/data"), download: "my-data.json", "data-testid": "my-data" }, "Download my data"),
        act("delete-data", "Delete my data \u2026", () => this.remove(), "bad"),
        act("sign-out", "Sign out", () => this.signOut()),
      ),
    );
    menu.addEventListener("keydown", (e) => {
      if (e.key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    return menu;
  }

  signIn() {
    const { oidc } = this.now ?? {};
    dialog(this.root, {
      title: "Sign in",
      testid: "sign-in-dialog",
      body: [
        form({
          testid: "sign-in-form",
          label: "Sign in",
          fields: [
            field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", required: true, maxlength: 320 }),
            field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", required: true }),
          ],
          act: async (values) => {
            await post("session", values);
            location.reload();
          },
        }),
        oidc ? h("p", { class: "row" }, h("a", { class: "button", href: OIDC, "data-testid": "oidc" }, `Sign in with ${oidc}`)) : null,
        h("p", { class: "help" }, "Accounts are made by invitation: ask an admin of this studio for a link."),
      ],
    });
  }

  accept(token) {
    dialog(this.root, {
      title: "Make your account",
      testid: "invite-dialog",
      onclose: dropInvite,
      body: form({
        testid: "invite-form",
        label: "Make the account",
        fields: [
          field({
            name: "name",
            label: "Your name",
            hint: "Only admins see it. Others see a pseudonym.",
            autocomplete: "name",
            required: true,
            maxlength: 200,
          }),
          field({ name: "email", label: "E-mail", type: "email", autocomplete: "username", required: true, maxlength: 320 }),
          field({
            name: "password",
            label: "Password",
            type: "password",
            hint: `At least ${SHORTEST} characters; a few words together do well.`,
            autocomplete: "new-password",
            minlength: SHORTEST,
            required: true,
          }),
        ],
        act: async (values) => {
          await post("invites/accept", { token, ...values });
          dropInvite();
          location.reload();
        },
      }),
    });
  }

  password() {
    const box = dialog(this.root, {
      title: "Change password",
      testid: "password-dialog",
      body: form({
        testid: "password-form",
        label: "Change it",
        fields: [
          field({ name: "old", label: "Password now", type: "password", autocomplete: "current-password", required: true }),
          field({
            name: "new",
            label: "New password",
            type: "password",
            autocomplete: "new-password",
            minlength: SHORTEST,
            required: true,
          }),
        ],
        act: async (values) => {
          await post("me/password", values);
          box.close();
          await again();
        },
      }),
    });
  }

  remove() {
    dialog(this.root, {
      title: "Delete my data",
      testid: "delete-dialog",
      body: [
        h("p", null, "Your judgements, objections, notes and drafts are deleted, your name and e-mail with them, and you are signed out. "),
        h(
          "p",
          { class: "help" },
          "This can't be undone. Exports that hold your work can't be rebuilt any more; copies that others took stay with them.",
        ),
        form({
          testid: "delete-form",
          label: "Delete everything",
          kind: "danger",
          fields: [field({ name: "word", label: `Type “${WORD}” to go on`, autocomplete: "off", required: true })],
          act: async ({ word }) => {
            if (word.trim().toLowerCase() !== WORD)
              throw new Refused(`Nothing was deleted: type “${WORD}” in the field, without the quotes.`);
            await post("me/data", {}, { method: "DELETE" });
            location.reload();
          },
        }),
      ],
    });
  }

  async signOut() {
    await post("session", {}, { method: "DELETE" });
    location.reload();
  }
}

/** Takes the token out of the address, so that a copied link does not carry it. */
function dropInvite() {
  const address = new URL(location.href);
  address.searchParams.delete("invite");
  history.replaceState(null, "", address);
}

customElements.define("rr-account", Account);
