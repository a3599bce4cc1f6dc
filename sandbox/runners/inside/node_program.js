// Runs a tree's tests with Node's own runner, one process a file, and says what each process wrote. Sent to the
// container by standard input and run as the body of a function of (require, sent): no code of the tree runs in here.
//
// `sent`: nonce (key of the lines), work (the tree), selection (files; all where empty), controls (source of a module
// with __FILE__ where the tested file's URL belongs). Lines on standard output: a MAC over the line and the MAC before
// it, a space, JSON. `{file, status, signal, tap}` for each file in order, at last `{files}`, their number.
'use strict';
const { spawnSync } = require('child_process');
const { createHmac, randomBytes } = require('crypto');
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');

const MOST_TAP = 8 * 1024 * 1024;
const TEST_FILE = /(^test$|^test-.+|.+[._-]test$)/;
const EXTENSIONS = new Set(['.js', '.cjs', '.mjs']);
const key = Buffer.from(sent.nonce, 'hex');
let mac = '';

function write(bytes) {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

function say(event) {
  const text = JSON.stringify(event);
  mac = createHmac('sha256', key).update(mac + text).digest('hex').slice(0, 32);
  write(Buffer.from(`${mac} ${text}\n`));
}

// As `node --test` finds them: everything in folders named test, and files by name.
function* found(folder, inTest) {
  const entries = fs.readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const whole = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && entry.name !== '.git') yield* found(whole, inTest || entry.name === 'test');
    } else if (entry.isFile() && isTest(entry.name, inTest)) {
      yield path.relative(sent.work, whole);
    }
  }
}

function isTest(name, inTest) {
  const { ext, name: stem } = path.parse(name);
  return EXTENSIONS.has(ext) && (inTest || TEST_FILE.test(stem));
}

function wanted(file) {
  return sent.selection.length === 0 || sent.selection.some((one) => one.split('::')[0] === file);
}

function run(file, scratch) {
  const name = path.join(scratch, randomBytes(12).toString('hex'));
  const url = JSON.stringify(pathToFileURL(path.join(sent.work, file)).href);
  fs.writeFileSync(`${name}.mjs`, sent.controls.split('__FILE__').join(url));
  const reporter = ['--test-reporter=tap', `--test-reporter-destination=${name}.tap`];
  const done = spawnSync(process.execPath, [...reporter, `${name}.mjs`], { cwd: sent.work, stdio: ['ignore', 2, 2] });
  if (done.error) throw done.error;
  say({ file, status: done.status, signal: done.signal, tap: written(`${name}.tap`) });
}

function written(name) {
  try {
    return fs.lstatSync(name).size <= MOST_TAP ? fs.readFileSync(name, 'utf8') : '';
  } catch {
    return '';
  }
}

const scratch = fs.mkdtempSync('/tmp/run-');
const files = [...found(sent.work, false)].filter(wanted);
for (const file of files) run(file, scratch);
fs.rmSync(scratch, { recursive: true, force: true });
say({ files: files.length });
