#!/usr/bin/env node
// Sets up all that Slipstream needs on this machine: node_modules (with Node 22 inside), nats-server, the built page;
// with --browser a Chromium, with --proxies nginx and HAProxy, which tests put before the edges, with --cluster a nats-server
// that can keep copies, where the usual one cannot. Runs before `npm start` and `npm test`; says nothing when there is
// nothing to do.
// Uses Node's own modules only and no syntax newer than Node 20, because it runs before anything is installed.
//
// Where programs are looked for, here and in all other code:
//   nats-server  NATS_SERVER_BIN, else PATH, else /usr/sbin, /usr/local/bin, /opt/homebrew/bin;
//                in a cluster, when that is too old, node_modules/.nats-server
//   Chromium     CHROMIUM_BIN, else PATH (chromium, chromium-browser, google-chrome-stable, google-chrome),
//                else the same folders, else Chromium or Google Chrome in /Applications
//   nginx        NGINX_BIN, else PATH, else the same folders
//   HAProxy      HAPROXY_BIN, else PATH, else the same folders
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(fileURLToPath(import.meta.url));
const LOCK = join(ROOT, '.setup.lock');
const STAMP = join(ROOT, 'node_modules', '.slipstream-setup');
const OUR_NODE = join(ROOT, 'node_modules', '.bin', 'node');
const PAGE = join(ROOT, 'web', 'app', 'dist', 'index.html');
const PLATFORM = `${process.platform}-${process.arch}`;
const OLDEST_NATS = '2.9.10';
/** The reason is in broker/copies.ts. */
const OLDEST_CLUSTER_NATS = '2.10.0';
const CLUSTER_NATS = join(ROOT, 'node_modules', '.nats-server', 'nats-server');
const FOLDERS = ['/usr/sbin', '/usr/local/bin', '/opt/homebrew/bin'];
const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const CHROMIUM_APPS = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** A failure whose message is one sentence: what, which value, how to mend it. */
class SetupError extends Error {
  name = 'SetupError';
}

/** Each step tells whether it is done and can do it; neither leaves half of it behind as "done". */
const modules = {
  name: 'node_modules',
  isDone: () => existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stampText(),
  run() {
    if (!(matchesLockFile() && answersVersion(OUR_NODE))) installModules();
    writeFileSync(STAMP, stampText());
  },
};

const natsServer = {
  name: 'nats-server',
  isDone() {
    const path = findNatsServer();
    if (path) refuseOldNats(path);
    return path !== undefined;
  },
  run() {
    installPackage({
      program: `nats-server ${OLDEST_NATS} or newer`,
      variable: 'NATS_SERVER_BIN',
      apt: ['nats-server'],
      brew: ['nats-server'],
    });
    endService('nats-server');
  },
};

const clusterServer = {
  name: `nats-server ${OLDEST_CLUSTER_NATS} or newer`,
  isDone: () =>
    [findNatsServer(), CLUSTER_NATS].some((path) => isExecutable(path) && !isOlder(path, OLDEST_CLUSTER_NATS)),
  run() {
    if (osRelease('ID') !== 'debian')
      throw new SetupError(`${this.name} is missing: install it and set NATS_SERVER_BIN.`);
    unpackFromStable('nats-server', CLUSTER_NATS);
  },
};

const nginx = proxy('nginx', 'NGINX_BIN', 'nginx-light');
const haproxy = proxy('haproxy', 'HAPROXY_BIN', 'haproxy');

function proxy(program, variable, apt) {
  return {
    name: program,
    isDone: () => (findSet(variable) ?? findProgram([program])) !== undefined,
    run() {
      installPackage({ program, variable, apt: [apt], brew: [program] });
      endService(program);
    },
  };
}

/** Debian's packages also enable a server of their own on a usual port; Slipstream starts its servers itself. */
function endService(name) {
  const root = asRoot() ?? [];
  const script = join('/etc/init.d', name);
  if (existsSync('/run/systemd/system')) run([...root, 'systemctl', 'disable', '--now', name]);
  else if (isExecutable(script)) run([...root, script, 'stop']);
}

const browser = {
  name: 'Chromium',
  isDone: () => findChromium() !== undefined,
  run: () =>
    installPackage({
      program: 'Chromium',
      variable: 'CHROMIUM_BIN',
      apt: ['chromium', 'fonts-liberation'],
      brew: ['--cask', 'google-chrome'],
    }),
};

const page = {
  name: 'the built page',
  isDone: () => existsSync(PAGE) && statSync(PAGE).mtimeMs >= newestSourceMs(),
  run() {
    console.log('Building the page (a few seconds)');
    const node = existsSync(OUR_NODE) ? OUR_NODE : process.execPath;
    const vite = run([node, join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'error'], {
      cwd: ROOT,
    });
    if (vite.ok) return;
    process.stderr.write(vite.output);
    throw new SetupError(`the page cannot be built (${vite.reason}): mend what vite says above.`);
  },
};

/** When anything that goes into the page changed last. */
function newestSourceMs() {
  const sources = ['web/app', 'web/client', 'protocol'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .filter((name) => !/^dist[\\/]|\.(test\.ts|md)$/.test(name))
      .map((name) => join(ROOT, folder, name))
      .filter((path) => statSync(path).isFile()),
  );
  return Math.max(...[...sources, join(ROOT, 'vite.config.ts')].map((path) => statSync(path).mtimeMs));
}

// ---- node_modules ----

function stampText() {
  return `${PLATFORM} ${createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex')}\n`;
}

/**
 * Whether node_modules already holds what package-lock.json asks for, as after `npm install some-package`.
 * `npm ci` would then delete it all, under the feet of whatever runs from it.
 */
function matchesLockFile() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return false;
  const have = readJson(installed).packages;
  return Object.entries(readJson(join(ROOT, 'package-lock.json')).packages).every(
    ([path, wanted]) => path === '' || (have[path] ? have[path].version === wanted.version : wanted.optional),
  );
}

function installModules() {
  console.log('Installing dependencies with npm ci (about half a minute)');
  const flags = ['--include=dev', '--include=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = run(['npm', 'ci', ...flags], { env: envOutsideNpm() });
  if (npm.error?.code === 'ENOENT') throw new SetupError('npm was not found on PATH: install npm 10 or newer.');
  if (!npm.ok) {
    process.stderr.write(npm.output);
    throw new SetupError(`npm ci failed (${npm.reason}): mend what npm says above, then run the same command again.`);
  }
  if (answersVersion(OUR_NODE)) return;
  // Platforms without a packaged Node 22 (and those where it cannot start, such as musl) use the one on PATH.
  if (!process.version.startsWith('v22.')) {
    throw new SetupError(
      `there is no packaged Node 22 that runs on ${PLATFORM} and this is Node ${process.version}: put a Node 22 on PATH.`,
    );
  }
}

/** The environment without what an outer `npm test` added: its Node lives in the folder that `npm ci` deletes. */
function envOutsideNpm() {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)|^npm_config_(omit|include)$/i.test(name)),
  );
  const isNpms = (folder) => /node_modules[\\/]\.bin$|node-gyp-bin$/.test(folder);
  env.PATH = (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !isNpms(folder))
    .join(delimiter);
  return env;
}

// ---- programs ----

function findNatsServer() {
  return findSet('NATS_SERVER_BIN') ?? findProgram(['nats-server']);
}

function findChromium() {
  return findSet('CHROMIUM_BIN') ?? findProgram(CHROMIUM_NAMES) ?? CHROMIUM_APPS.find(isExecutable);
}

function findSet(variable) {
  const path = process.env[variable];
  if (path && !isExecutable(path)) {
    throw new SetupError(`${variable} is "${path}", which is not a program: correct it or unset it.`);
  }
  return path || undefined;
}

function findProgram(names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...FOLDERS];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function refuseOldNats(path) {
  const found = answersVersion(path);
  if (!found) {
    throw new SetupError(`${path} does not run as a nats-server: mend it or set NATS_SERVER_BIN to another one.`);
  }
  if (isOlder(path, OLDEST_NATS)) {
    throw new SetupError(
      `${path} is version ${found}, older than ${OLDEST_NATS}: upgrade it or set NATS_SERVER_BIN to a newer one.`,
    );
  }
}

function isOlder(path, version) {
  return (answersVersion(path) ?? '0').localeCompare(version, 'en', { numeric: true }) < 0;
}

function answersVersion(path) {
  return run([path, '--version']).output.match(/v(\d+\.\d+\.\d+)/)?.[1];
}

// ---- system packages ----

function installPackage({ program, variable, apt, brew }) {
  if (findProgram(['apt-get'])) {
    const root = asRoot();
    if (!root) {
      throw new SetupError(
        `${program} is missing and this user may not install it: run "sudo apt-get install ${apt.join(' ')}" or set ${variable}.`,
      );
    }
    console.log(`Installing ${apt[0]} with apt-get`);
    const get = [...root, 'apt-get', '-o', 'DPkg::Lock::Timeout=300'];
    // A failed update alone is no failure: the package may be known already, and the install tells.
    runOrExplain(program, variable, [
      [...get, 'update'],
      [...get, 'install', '-y', '--no-install-recommends', ...apt],
    ]);
  } else if (findProgram(['brew'])) {
    console.log(`Installing ${brew.at(-1)} with brew`);
    runOrExplain(program, variable, [[findProgram(['brew']), 'install', ...brew]]);
  } else {
    throw new SetupError(
      `${program} is missing and there is neither apt-get nor brew to install it: install it and put it on PATH or set ${variable}.`,
    );
  }
}

function runOrExplain(program, variable, commands) {
  const results = commands.map((command) =>
    run(command, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }),
  );
  if (results.at(-1).ok) return;
  process.stderr.write(results.map((result) => result.output).join(''));
  throw new SetupError(
    `${program} is missing and "${commands.at(-1).join(' ')}" failed (${results.at(-1).reason}): mend what it says above, or install it yourself and set ${variable}.`,
  );
}

/**
 * Puts one program out of Debian's newest stable release to `path`; the system stays as it is. Asks where apt asks, with the
 * keys that apt has, and needs no root.
 */
function unpackFromStable(program, path) {
  const release = osRelease('VERSION_CODENAME');
  console.log(`Fetching ${program} out of Debian's newest release, for clusters`);
  const folder = mkdtempSync(join(tmpdir(), 'slipstream-apt-'));
  try {
    for (const part of ['sources', 'lists/partial', 'cache/archives/partial', 'root'])
      mkdirSync(join(folder, part), { recursive: true });
    const extra = existsSync('/etc/apt/sources.list.d') ? readdirSync('/etc/apt/sources.list.d') : [];
    for (const source of ['sources.list', ...extra.map((name) => join('sources.list.d', name))]) {
      const file = join('/etc/apt', source);
      if (!/\.(list|sources)$/.test(file) || !existsSync(file)) continue;
      const text = readFileSync(file, 'utf8').replaceAll(new RegExp(`(?<=\\s)${release}(?=[\\s-])`, 'g'), 'stable');
      writeFileSync(join(folder, 'sources', source.replace('/', '-')), text);
    }
    const places = {
      'Dir::Etc::sourcelist': '/dev/null',
      'Dir::Etc::sourceparts': 'sources',
      'Dir::State::lists': 'lists',
    };
    const options = Object.entries({ ...places, 'Dir::Cache': 'cache' }).flatMap(([name, value]) => [
      '-o',
      `${name}=${value.startsWith('/') ? value : join(folder, value)}`,
    ]);
    runOrExplain(clusterServer.name, 'NATS_SERVER_BIN', [
      ['apt-get', ...options, 'update'],
      ['sh', '-c', 'cd "$0" && apt-get "$@" && dpkg-deb -x *.deb root', folder, ...options, 'download', program],
    ]);
    mkdirSync(dirname(path), { recursive: true });
    const found = ['usr/sbin', 'usr/bin'].map((place) => join(folder, 'root', place, program)).find(isExecutable);
    copyFileSync(found, `${path}.part`);
    renameSync(`${path}.part`, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function osRelease(name) {
  if (!existsSync('/etc/os-release')) return undefined;
  return readFileSync('/etc/os-release', 'utf8').match(new RegExp(`^${name}="?([^"\n]*)`, 'm'))?.[1];
}

/** What to put before a command that needs root: nothing, or sudo where it asks for no password. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  return run(['sudo', '-n', 'true']).ok ? ['sudo', '-n'] : undefined;
}

// ---- small things ----

function run([command, ...args], options = {}) {
  const child = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
  return {
    ok: child.status === 0,
    output: `${child.stdout ?? ''}${child.stderr ?? ''}`,
    error: child.error,
    reason: child.error?.message ?? (child.signal ? `signal ${child.signal}` : `exit code ${child.status}`),
  };
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Lets one setup work at a time: two terminals on a fresh clone must not install into the same folder. */
function withLock(work) {
  let hasTold = false;
  for (;;) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!isHolderAlive()) {
      rmSync(LOCK, { force: true });
      continue;
    }
    if (!hasTold) console.log('Waiting for another setup of this folder to finish (or for .setup.lock to be deleted)');
    hasTold = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  try {
    work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function isHolderAlive() {
  try {
    const pid = Number(readFileSync(LOCK, 'utf8'));
    // Empty for an instant, between the creation of the file and the writing of the number.
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function main(args) {
  const unknown = args.find((arg) => !['--browser', '--proxies', '--cluster'].includes(arg));
  if (unknown) {
    throw new SetupError(
      `"${unknown}" is not an option of setup.mjs: it takes --browser, --proxies, --cluster or nothing.`,
    );
  }
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new SetupError(`this is Node ${process.version}, too old to start from: install Node 20 or newer.`);
  }
  const steps = [
    ...[modules, natsServer, page],
    ...(args.includes('--browser') ? [browser] : []),
    ...(args.includes('--proxies') ? [nginx, haproxy] : []),
    ...(args.includes('--cluster') ? [clusterServer] : []),
  ];
  if (steps.every((step) => step.isDone())) return;
  withLock(() => {
    for (const step of steps) {
      if (step.isDone()) continue;
      step.run();
      if (!step.isDone()) {
        throw new SetupError(
          `${step.name} is still missing after its installation: install it yourself and try again.`,
        );
      }
    }
  });
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`Setup stopped: ${error instanceof SetupError ? error.message : error.message.replaceAll('\n', ' ')}`);
  process.exitCode = 1;
}
