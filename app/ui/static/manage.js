// <rr-manage>: the tab Manage: projects, accounts, invitations. For admins.

import { gate } from "./me.js";
import { Tab, switcher } from "./tab.js";
import { accounts, invites } from "./people.js";
import { projects } from "./setup.js";

class Manage extends Tab {
  enter(now) {
    const closed = gate(now, "admin", "Making projects and inviting people");
    if (closed) return this.body.replaceChildren(closed);
    const say = (text) => this.say(text);
    const views = switcher(
      "Manage",
      [
        ["projects", "Projects", () => projects(say)],
        ["people", "People", () => accounts(say)],
        ["invites", "Invitations", () => invites(say)],
      ],
      "manage",
    );
    this.body.replaceChildren(views.el);
    views.show("projects");
  }
}

customElements.define("rr-manage", Manage);
