// A real Chromium, driven over its debugging protocol through a pair of pipes: no port, nothing in between.

import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {until} from './world.mjs';

const program = process.env.CHROMIUM ?? 'chromium'; // Debian's

const keys = {
  Tab: {code: 'Tab', windowsVirtualKeyCode: 9},
  Enter: {code: 'Enter', windowsVirtualKeyCode: 13, text: '\r'},
  Escape: {code: 'Escape', windowsVirtualKeyCode: 27},
  Space: {code: 'Space', key: ' ', windowsVirtualKeyCode: 32, text: ' '},
  ArrowRight: {code: 'ArrowRight', windowsVirtualKeyCode: 39},
};

// One tab. Faults of its scripts and breaches of its policy are kept.
class Tab {
  constructor(browser, session) {
    this.browser = browser;
    this.session = session;
    this.exceptions = [];
    this.breaches = [];
    this.answers = []; // of the network: {url, status, bytes}
  }

  send(method, params = {}) {
    return this.browser.send(method, params, this.session);
  }

  async begin() {
    await Promise.all(['Page', 'Runtime', 'Network', 'Log'].map((domain) => this.send(`${domain}.enable`)));
    await this.send('Runtime.addBinding', {name: 'tellBreach'});
    await this.send('Page.addScriptToEvaluateOnNewDocument', {
      source: 'addEventListener("securitypolicyviolation", (event) => tellBreach(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`), true);',
    });
  }

  take(method, params) {
    if (method === 'Runtime.exceptionThrown') {
      this.exceptions.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    } else if (method === 'Runtime.bindingCalled' && params.name === 'tellBreach') {
      this.breaches.push(params.payload);
    } else if (method === 'Network.responseReceived') {
      this.answers.push({url: params.response.url, status: params.response.status, type: params.type});
    } else if (method === 'Page.loadEventFired') {
      this.loaded = true;
    }
  }

  async goto(url) {
    this.loaded = false;
    const {errorText} = await this.send('Page.navigate', {url});
    if (errorText) {
      throw new Error(`${url}: ${errorText}`);
    }
    await until(`${url} is loaded`, 60, () => this.loaded);
  }

  // Runs a function in the page with these arguments, and returns what it returns.
  async run(call, ...values) {
    const {result, exceptionDetails} = await this.send('Runtime.evaluate', {
      expression: `(${call})(...${JSON.stringify(values)})`, awaitPromise: true, returnByValue: true,
    });
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  // Runs a script as it is.
  async inject(script) {
    const {exceptionDetails} = await this.send('Runtime.evaluate', {expression: `${script};0`, returnByValue: true});
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
  }

  text(id) {
    return this.run((which) => document.getElementById(which).textContent.trim(), id);
  }

  async press(name, times = 1) {
    const key = {key: name, ...keys[name]};
    for (let i = 0; i < times; ++i) {
      await this.send('Input.dispatchKeyEvent', {type: key.text ? 'keyDown' : 'rawKeyDown', ...key});
      await this.send('Input.dispatchKeyEvent', {type: 'keyUp', ...key});
    }
  }

  type(text) {
    return this.send('Input.insertText', {text});
  }

  size(width, height, scale = 1) {
    return this.send('Emulation.setDeviceMetricsOverride', {width, height, deviceScaleFactor: scale, mobile: false});
  }

  prefer(scheme, motion = 'no-preference') {
    return this.send('Emulation.setEmulatedMedia', {
      features: [{name: 'prefers-color-scheme', value: scheme}, {name: 'prefers-reduced-motion', value: motion}],
    });
  }

  // The whole page, or as much of it as `height` says.
  async picture(file, {height} = {}) {
    const {cssContentSize} = await this.send('Page.getLayoutMetrics');
    const clip = {x: 0, y: 0, width: cssContentSize.width, height: height ?? cssContentSize.height, scale: 1};
    const {data} = await this.send('Page.captureScreenshot', {format: 'png', clip, captureBeyondViewport: true});
    writeFileSync(file, Buffer.from(data, 'base64'));
  }
}

export class Browser {
  static async launch() {
    const browser = new Browser();
    browser.folder = mkdtempSync(join(tmpdir(), 'ledgerd-chromium.'));
    browser.waiting = new Map();
    browser.tabs = new Map();
    browser.number = 0;
    // Root has no sandbox of its own, and a container little shared memory.
    const flags = ['--headless=new', '--remote-debugging-pipe', `--user-data-dir=${browser.folder}`, '--no-first-run', '--disable-gpu',
      '--no-default-browser-check', '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage',
      '--disable-extensions', '--hide-scrollbars', '--mute-audio', ...(process.getuid() === 0 ? ['--no-sandbox'] : []), 'about:blank'];
    browser.child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...flags], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'], env: {...process.env, HOME: browser.folder},
    });
    browser.child.once('close', (code) => {
      browser.gone = `${program} ended with ${code}`;
      browser.waiting.forEach(({reject}) => reject(new Error(browser.gone)));
    });
    let text = '';
    browser.child.stdio[4].setEncoding('utf8').on('data', (part) => {
      text += part;
      for (let end = text.indexOf('\0'); end >= 0; end = text.indexOf('\0')) {
        browser.take(JSON.parse(text.slice(0, end)));
        text = text.slice(end + 1);
      }
    });
    browser.child.stdio[3].on('error', () => {});
    process.once('exit', () => browser.end());
    return browser;
  }

  take(message) {
    if (message.id === undefined) {
      this.tabs.get(message.sessionId)?.take(message.method, message.params);
      return;
    }
    const {resolve, reject} = this.waiting.get(message.id) ?? {};
    this.waiting.delete(message.id);
    message.error ? reject?.(new Error(`${message.error.message}`)) : resolve?.(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    if (this.gone) {
      return Promise.reject(new Error(this.gone));
    }
    const id = ++this.number;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${method}: no answer within a minute`)), 60000);
      late.unref();
      this.waiting.set(id, {
        resolve: (value) => { clearTimeout(late); resolve(value); }, reject: (error) => { clearTimeout(late); reject(error); },
      });
      this.child.stdio[3].write(`${JSON.stringify({id, method, params, sessionId})}\0`);
    });
  }

  // A tab of a profile of its own.
  async tab() {
    const {browserContextId} = await this.send('Target.createBrowserContext');
    const {targetId} = await this.send('Target.createTarget', {url: 'about:blank', browserContextId});
    const {sessionId} = await this.send('Target.attachToTarget', {targetId, flatten: true});
    const tab = new Tab(this, sessionId);
    this.tabs.set(sessionId, tab);
    await tab.begin();
    return tab;
  }

  end() {
    this.child.kill('SIGKILL');
    try {
      rmSync(this.folder, {recursive: true, force: true, maxRetries: 10, retryDelay: 100}); // its processes die one by one
    } catch {
      // then a few files stay in the directory for such files
    }
  }
}
