// A task is kept for one person for a while. While they work it is kept longer; when it ran out they are told, calmly: nothing is lost.

import { ApiError, post } from "./api.js";

const LOOK_MS = 20_000;
const ACTIVE_MS = 5 * 60_000; // whoever touched the task within this long is at work on it

/** `active()` is the moment of the last touch in ms, `tell(text)` shows a line or, with an empty text, takes it away. */
export class Lease {
  constructor(assignment, until, { active, tell }) {
    Object.assign(this, { assignment, active, tell, over: false });
    this.set(until);
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.look();
  }

  set(until) {
    this.until = Date.parse(until);
    this.whole = Math.max(60_000, this.until - Date.now());
  }

  close() {
    clearInterval(this.timer);
  }

  look() {
    const left = this.until - Date.now();
    if (Number.isNaN(left) || this.over) return;
    if (left <= 0) return this.ranOut();
    if (left < this.whole / 2 && Date.now() - this.active() < ACTIVE_MS) this.renew();
  }

  async renew() {
    try {
      const { lease_until: until } = await post(`assignments/${encodeURIComponent(this.assignment)}/renew`);
      this.set(until);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!error.passing) this.ranOut();
    }
  }

  ranOut() {
    this.over = true;
    this.tell("This task is no longer kept for you alone, and may go to somebody else too. What you do here is still saved, and counts.");
  }
}
