/** Files dropped or chosen go to storage by pre-signed PUT, a few at a time, each with its progress. */

import { signUpload } from "./archive.js";
import { element } from "./table.js";

const AT_ONCE = 4;

export class Uploads {
  #list;
  #bucket;
  #done;
  #waiting = [];
  #running = 0;

  /** `bucket` tells whether storage is somebody else's; `done` hears when nothing is under way any more. */
  constructor({ drop, chooser, list, bucket, done }) {
    this.#list = list;
    this.#bucket = bucket;
    this.#done = done;
    chooser.addEventListener("change", () => {
      this.#add(chooser.files);
      chooser.value = "";
    });
    // The whole window takes drops: a file that misses the box would otherwise replace the page.
    addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    addEventListener("dragleave", (event) => event.relatedTarget ?? drop.classList.remove("over"));
    addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      this.#add(event.dataTransfer.files);
    });
  }

  #add(files) {
    for (const file of files) this.#waiting.push({ file, entry: new Entry(this.#list, file.name) });
    while (this.#running < AT_ONCE && this.#waiting.length) this.#work();
  }

  async #work() {
    this.#running += 1;
    for (let next; (next = this.#waiting.shift()); ) await send(next.file, next.entry, this.#bucket);
    this.#running -= 1;
    if (!this.#running) this.#done();
  }
}

class Entry {
  #item;
  #bar;
  #state;

  constructor(list, name) {
    this.#bar = element("progress", { max: 1, value: 0, "aria-label": `Upload of ${name}` });
    this.#state = element("span", { class: "state", role: "status" }, "waiting");
    this.#item = element("li");
    this.#item.append(element("span", { class: "name", title: name }, name), this.#bar, this.#state);
    list.prepend(this.#item);
  }

  progress(part) {
    this.#bar.value = part;
    this.#state.textContent = `${Math.floor(part * 100)} %`;
  }

  end(state, text) {
    this.#item.dataset.state = state;
    this.#state.textContent = text;
    this.#bar.remove();
  }
}

async function send(file, entry, bucket) {
  try {
    await put(await signUpload(file.name), file, bucket ? closed : broken, (part) => entry.progress(part));
    entry.end("done", "archived");
  } catch (error) {
    entry.end("failed", error.message);
  }
}

function broken() {
  return "The connection to storage broke. Try again.";
}

/** A browser does not tell a script whether a server was silent or did not allow the page to ask. */
function closed(url) {
  return `The bucket at ${new URL(url).host} is down, or its CORS rules do not allow PUT from ${location.origin}:`
    + " have its owner allow that, or upload with imap-bulk push.";
}

/** Only XMLHttpRequest tells how far an upload is. */
function put(url, file, failure, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(total ? loaded / total : 1));
    request.addEventListener("load", () => (request.status === 200 ? resolve() : reject(new Error(fault(request)))));
    request.addEventListener("error", () => reject(new Error(failure(url))));
    request.open("PUT", url);
    request.send(file.slice(0, file.size, "")); // without a type, so that storage need not allow one
  });
}

function fault({ status, responseText }) {
  return responseText.match(/<Message>(.*?)<\/Message>/)?.[1] ?? `Storage answered ${status}.`;
}
