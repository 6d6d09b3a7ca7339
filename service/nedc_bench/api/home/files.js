// Dropped or chosen files with their paths, and packing them into one tar.
"use strict";

/** The files below what was dropped, as {path, file}. */
async function dropped(transfer) {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const found = items.map((item) => { // read all now: they are gone after the event
    const entry = item.webkitGetAsEntry();
    const file = item.getAsFile();
    return entry ? filesBelow(entry, "") : [{ path: file.name, file }];
  });
  return (await Promise.all(found)).flat();
}

async function filesBelow(entry, folder) {
  const path = folder + entry.name;
  if (entry.isFile) return [{ path, file: await new Promise((done, failed) => entry.file(done, failed)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) { // a reader returns entries in batches, and an empty batch at the end
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map((child) => filesBelow(child, `${path}/`)))).flat());
  }
}

/** What a file input holds, as {path, file}. */
const picked = (input) => [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/** The files that can be annotations, without the folder that all of them are in. */
function annotations(files, { suffixes, max_file_bytes: most }) {
  const can = ({ path, file }) => {
    const name = path.toLowerCase().replace(/\.gz$/, "");
    return file.size <= most && suffixes.some((suffix) => name.endsWith(suffix));
  };
  const kept = files.length === 1 ? files : files.filter(can);
  const tops = new Set(kept.map(({ path }) => (path.includes("/") ? path.slice(0, path.indexOf("/") + 1) : "")));
  const [top] = tops;
  return tops.size === 1 ? kept.map(({ path, file }) => ({ path: path.slice(top.length), file })) : kept;
}

const BLOCK = 512;

/** A tar of {path, file}; a path of any length or script is in a header of its own (pax). */
async function tarOf(files) {
  const parts = [];
  for (const { path, file } of files) {
    const content = new Uint8Array(await file.arrayBuffer());
    const pax = paxRecord(path);
    parts.push(header("pax", pax.length, "x"), padded(pax), header("file", content.length, "0"), padded(content));
  }
  return new Blob([...parts, new Uint8Array(2 * BLOCK)]);
}

function paxRecord(path) {
  const text = new TextEncoder().encode(` path=${path}\n`);
  let length = text.length;
  while (length !== text.length + String(length).length) length = text.length + String(length).length;
  return new Uint8Array([...new TextEncoder().encode(String(length)), ...text]);
}

function header(name, size, type) {
  const block = new Uint8Array(BLOCK);
  const put = (text, at) => block.set(new TextEncoder().encode(text), at);
  const octal = (number, digits) => `${number.toString(8).padStart(digits, "0")}\0`;
  put(name, 0);
  put(octal(0o644, 7), 100);
  put(octal(size, 11), 124);
  put(octal(0, 11), 136);
  put(" ".repeat(8), 148); // placeholder while the checksum is computed
  put(type, 156);
  put("ustar\u000000", 257);
  put(octal(block.reduce((sum, byte) => sum + byte, 0), 6), 148);
  return block;
}

function padded(content) {
  const whole = new Uint8Array(Math.ceil(content.length / BLOCK) * BLOCK);
  whole.set(content);
  return whole;
}
