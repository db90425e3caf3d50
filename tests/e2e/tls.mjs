// A node whose three doors speak TLS: NATS, PostgreSQL and HTTP, each with a certificate of the run's own authority.
// Who is not who the URL says is refused. Certificates end soon, which is told, and are replaced while the node runs.
// JetStream is in a domain, and asked nowhere else. Usage: node tls.mjs BINARY

import {execFileSync} from 'node:child_process';
import {chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {request} from 'node:https';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {argv} from 'node:process';

import {conclude, until, World} from './world.mjs';

const [, , binary] = argv;
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const faults = [];
const check = (holds, text) => holds || faults.push(text);

// NAME.crt and NAME.key for each name, and ca.crt.
class Papers {
  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'ledgerd-tls.'));
    process.once('exit', () => rmSync(this.directory, {recursive: true, force: true}));
    this.#run('openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -x509 -days 2 '
      + '-subj "/CN=authority of a run" -keyout ca.key -out ca.crt -addext basicConstraints=critical,CA:TRUE '
      + '-addext keyUsage=critical,keyCertSign');
  }

  make(name, alternatives) {
    this.#run(`openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=${name} -keyout ${name}.key `
      + `-out ${name}.csr; echo subjectAltName=${alternatives} >${name}.ext; openssl x509 -req -in ${name}.csr -CA ca.crt `
      + `-CAkey ca.key -CAcreateserial -days 2 -extfile ${name}.ext -out ${name}.crt`);
  }

  at(file) {
    return join(this.directory, file);
  }

  #run(command) {
    execFileSync('bash', ['-c', `set -e; umask 077; ${command}`], {cwd: this.directory, stdio: ['ignore', 'ignore', 'pipe']});
  }
}

// PostgreSQL takes TLS from now on; its files belong to whom it runs as.
function secureDatabase(world, papers) {
  const url = new URL(world.settings.LEDGERD_DATABASE_URL);
  const data = join(world.servers, 'pg');
  const {uid, gid} = statSync(join(data, 'PG_VERSION'));
  for (const name of ['server.crt', 'server.key']) {
    const file = join(data, name);
    writeFileSync(file, readFileSync(papers.at(name)), {mode: 0o600});
    chownSync(file, uid, gid);
  }
  const superuser = Object.assign(new URL(url), {username: 'postgres'}).href;
  world.query('ALTER SYSTEM SET ssl = on', superuser);
  world.query('SELECT pg_reload_conf()', superuser);
  const secure = (host, address) => `postgresql://${url.username}:${url.password}@${host}:${url.port}${url.pathname}`
    + `?hostaddr=${address}&sslmode=verify-full&sslrootcert=${encodeURIComponent(papers.at('ca.crt'))}`;
  return {right: secure('localhost', '127.0.0.1'), wrong: secure('elsewhere.example', '127.0.0.1')};
}

function ask(daemon, ca, path, {method = 'GET', body, servername = 'localhost'} = {}) {
  const {port} = new URL(daemon.url);
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1', port, path, method, ca, servername, timeout: 20000,
      headers: body ? {'Content-Type': 'application/json', Prefer: 'wait=15'} : {}, agent: false,
    }, (answer) => {
      const serial = answer.socket.getPeerCertificate().serialNumber;
      let text = '';
      answer.on('data', (data) => { text += data; });
      answer.on('end', () => resolve({status: answer.statusCode, text, serial}));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(body && JSON.stringify(body));
  });
}

// All end within two days: of each there is a metric, a line of the log and a warning of `check`.
async function checkEnds(world, daemon, answer, flags) {
  const wanted = ['database_ca', 'http', 'nats', 'nats_ca'];
  const {text} = await answer('/metrics');
  const shown = [...text.matchAll(/^ledgerd_certificate_expiration_timestamp_seconds\{certificate="(\w+)"\} (\S+)$/gm)];
  const left = Object.fromEntries(shown.map(([, name, end]) => [name, Number(end) - Date.now() / 1000]));
  check(String(Object.keys(left).sort()) === String(wanted) && Object.values(left).every((each) => each > 170000 && each < 172900),
    `seconds until certificates end: ${JSON.stringify(left)}`);
  for (const name of wanted) {
    const lines = daemon.log.split(`the certificate ${name} (`).length - 1;
    check(lines === 1 && daemon.log.includes('[certificate_expires]'), `${lines} lines tell that the certificate ${name} ends`);
  }
  const told = world.verb('check', '--json', ...flags);
  const {parts, certificates} = JSON.parse(told.stdout);
  const {ok, warnings} = parts.find(({part}) => part === 'certificates');
  check(ok && warnings.length === wanted.length && String(certificates.map(({certificate}) => certificate).sort()) === String(wanted),
    `\`ledgerd check\` says of certificates: ${JSON.stringify({ok, warnings, certificates})}`);
}

async function run() {
  const papers = new Papers();
  papers.make('server', 'DNS:localhost,IP:127.0.0.1');
  papers.make('client', 'DNS:ledgerd');
  const ca = readFileSync(papers.at('ca.crt'));
  const world = new World(binary, {domain: 'hub', nats: `tls {
    cert_file: "${papers.at('server.crt')}", key_file: "${papers.at('server.key')}"
    ca_file: "${papers.at('ca.crt')}", timeout: 20, verify: true
  }`});
  const database = secureDatabase(world, papers);
  const port = new URL(world.natsUrl).port;
  world.natsUrl = `tls://localhost:${port}`;
  Object.assign(world.environment, {
    LEDGERD_NATS_URL: world.natsUrl, LEDGERD_NATS_JS_DOMAIN: 'hub', LEDGERD_NATS_CA_FILE: papers.at('ca.crt'),
    LEDGERD_NATS_CERT_FILE: papers.at('client.crt'), LEDGERD_NATS_KEY_FILE: papers.at('client.key'),
  });
  await until('PostgreSQL speaks TLS', 10, () => {
    world.environment.LEDGERD_DATABASE_URL = database.right;
    return world.verb('migrate').code === 0;
  });

  const httpFiles = ['--http-tls-cert-file', papers.at('server.crt'), '--http-tls-key-file', papers.at('server.key')];
  const daemon = await world.daemon('secure', '--shutdown-deadline', '2s', ...httpFiles);
  const answer = (path, options) => ask(daemon, ca, path, options);
  await until('it is ready', 40, () => {
    check(!daemon.gone, `the daemon ended:\n${daemon.gone && daemon.log.slice(-2000)}`);
    return daemon.gone || answer('/readyz').then(({status}) => status === 200, () => false);
  });
  const order = {userId: 'ann', type: 'DEPOSIT', amount: '2.50', currency: 'EUR'};
  const {status, text} = await answer('/v1/transactions', {method: 'POST', body: order});
  check(status === 200 && JSON.parse(text).status === 'SUCCESS', `a submission over TLS: ${status} ${text}`);
  const encrypted = world.query("SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
    + "WHERE application_name = 'ledgerd'")[0];
  check(Number(encrypted[0]) > 0 && encrypted[0] === encrypted[1], `${encrypted[0]} of ${encrypted[1]} database connections are encrypted`);
  log('a request went through three doors that speak TLS');
  await checkEnds(world, daemon, answer, ['--http-listen', new URL(daemon.url).host, ...httpFiles]);

  const shown = (await answer('/livez')).serial;
  await answer('/livez', {servername: 'elsewhere.example'}).then(() => faults.push('another name was accepted'), () => {});
  check(await fetch(daemon.url.replace('https', 'http') + '/livez').then(() => false, () => true), 'HTTP without TLS was answered');
  const listen = ['--http-listen', new URL(daemon.url).host, ...httpFiles];
  const seen = world.verb('status', '--json', ...listen);
  check(JSON.parse(seen.stdout).daemon?.ready === true || /"ready": true/.test(seen.output),
    `\`ledgerd status\` does not reach the daemon: ${seen.output.slice(-1500)}`);
  papers.make('server', 'DNS:localhost,IP:127.0.0.1');
  daemon.child.kill('SIGHUP');
  await until('the new certificate is shown', 10, async () => (await answer('/livez')).serial !== shown);
  await until('the log tells of the new certificate', 10, () => /reloaded: .*certificate/.test(daemon.log));
  writeFileSync(papers.at('server.key'), 'no key\n', {mode: 0o600});
  daemon.child.kill('SIGHUP');
  await until('the faulty key is named', 10, () => /the certificate stays as it was/.test(daemon.log));
  const before = await answer('/livez');
  check(before.status === 200, 'after a faulty reload it does not answer');
  papers.make('server', 'DNS:localhost,IP:127.0.0.1');
  await until('the files are noticed without a signal', 75, async () => (await answer('/livez')).serial !== before.serial);
  await until('the log tells of it', 10, () => /reloaded: certificate/.test(daemon.log));
  await daemon.stop();
  log('its certificate was replaced while it ran');

  const refusals = {
    'a database of another name': [{LEDGERD_DATABASE_URL: database.wrong}, /elsewhere\.example/],
    'no certificate of ours': [{LEDGERD_NATS_CERT_FILE: '', LEDGERD_NATS_KEY_FILE: ''}, /broker: /],
    'an unknown authority': [{LEDGERD_NATS_CA_FILE: ''}, /broker: .*(issuer|certificate)/i],
  };
  for (const [name, [variables, says]] of Object.entries(refusals)) {
    const other = await world.daemonIn(variables, name.replace(/\W+/g, '-'), '--http-listen', 'off', '--start-timeout', '1s');
    const found = await until(`${name} is said`, 15, () => says.test(other.log) && other.log).catch(() => other.log);
    check(says.test(found), `${name}: it says\n${found.slice(-1500)}`);
    await other.kill();
    log(`${name} is refused`);
  }
  return faults;
}

await conclude(run, log);
