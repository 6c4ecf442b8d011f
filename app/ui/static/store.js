// The browser's own database: two tables of plain records. Where there is none (private windows, policies), memory, and it says so.

const NAME = "reasonrank";
const TABLES = { saves: "key", drafts: "id" };

/** The store to use. `kind` is "disk" or "memory"; `why` says what is wrong with the disk. */
export async function openStore() {
  try {
    return await new Disk().open();
  } catch (cause) {
    return new Memory(cause?.name || "unknown reason");
  }
}

const request = (made) =>
  new Promise((resolve, reject) => {
    made.onsuccess = () => resolve(made.result);
    made.onerror = () => reject(made.error);
  });

class Disk {
  kind = "disk";
  why = "";

  async open() {
    if (!globalThis.indexedDB) throw new DOMException("no IndexedDB", "NotSupportedError");
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => {
      for (const [table, keyPath] of Object.entries(TABLES)) opening.result.createObjectStore(table, { keyPath });
    };
    this.db = await request(opening);
    // A browser may close it at any time (storage cleared by the reader); the next use opens it again.
    this.db.onclose = () => {
      this.db = null;
    };
    this.db.onversionchange = () => {
      this.db?.close();
      this.db = null;
    };
    return this;
  }

  /** Runs `work(table)` in one transaction; resolves once it is on disk with what `work` resolved to. */
  async within(names, mode, work, durability = "relaxed") {
    if (!this.db) await this.open();
    const transaction = this.db.transaction(names, mode, { durability });
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error ?? new DOMException("aborted", "AbortError"));
    });
    done.catch(() => {}); // it is awaited below; a failing `work` must not leave it unhandled
    const result = await work(transaction);
    await done;
    return result;
  }

  all(table) {
    return this.within([table], "readonly", (t) => request(t.objectStore(table).getAll()));
  }

  /** Saves are flushed to the disk itself; drafts are written so often that the system's own time must do. */
  put(table, row) {
    return this.within([table], "readwrite", (t) => request(t.objectStore(table).put(row)), table === "saves" ? "strict" : "relaxed");
  }

  remove(table, id) {
    return this.within([table], "readwrite", (t) => request(t.objectStore(table).delete(id)));
  }

  /** Gives all rows to `decide(rows)`, which answers {put, remove}; all in one transaction, so that no other tab comes between. */
  change(table, decide) {
    return this.within([table], "readwrite", async (t) => {
      const rows = t.objectStore(table);
      const { put, remove } = decide(await request(rows.getAll()));
      for (const id of remove) rows.delete(id);
      for (const row of put) rows.put(row);
    });
  }
}

class Memory {
  kind = "memory";

  constructor(why) {
    this.why = why;
    this.tables = Object.fromEntries(Object.keys(TABLES).map((t) => [t, new Map()]));
  }

  async all(table) {
    return structuredClone([...this.tables[table].values()]);
  }

  async put(table, row) {
    this.tables[table].set(row[TABLES[table]], structuredClone(row));
  }

  async remove(table, id) {
    this.tables[table].delete(id);
  }

  async change(table, decide) {
    const { put, remove } = decide(await this.all(table));
    for (const id of remove) await this.remove(table, id);
    for (const row of put) await this.put(table, row);
  }
}
