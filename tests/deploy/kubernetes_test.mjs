// The manifests for Kubernetes: each is what its schema says, with no field that the schema does not know, and they fit
// together.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {createRequire} from 'node:module';
import test from 'node:test';

import {parse} from 'yaml';

import {documents, read, yamlFiles} from './manifests.mjs';

const require = createRequire(import.meta.url);
// The compiled schemas are no part of what the packages export, so they are named by their files.
const load = (schema) => require(new URL(`node_modules/${schema}.js`, import.meta.url).pathname);
const folder = 'deploy/kubernetes';

const schemas = {
  'v1 Namespace': 'kubernetes-models/_schemas/IoK8sApiCoreV1Namespace',
  'v1 ConfigMap': 'kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap',
  'v1 Service': 'kubernetes-models/_schemas/IoK8sApiCoreV1Service',
  'apps/v1 StatefulSet': 'kubernetes-models/_schemas/IoK8sApiAppsV1StatefulSet',
  'policy/v1 PodDisruptionBudget': 'kubernetes-models/_schemas/IoK8sApiPolicyV1PodDisruptionBudget',
  'networking.k8s.io/v1 NetworkPolicy': 'kubernetes-models/_schemas/IoK8sApiNetworkingV1NetworkPolicy',
  'monitoring.coreos.com/v1 ServiceMonitor':
    '@kubernetes-models/prometheus-operator/_schemas/MonitoringCoreosComV1ServiceMonitor',
  'monitoring.coreos.com/v1 PrometheusRule':
    '@kubernetes-models/prometheus-operator/_schemas/MonitoringCoreosComV1PrometheusRule',
};

// The same value, which notes the fields that somebody reads.
function watched(value, path, unread) {
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const inner = new Map(Object.entries(value).map(([key, each]) => [key, watched(each, `${path}/${key}`, unread)]));
  if (!Array.isArray(value)) {
    [...inner.keys()].forEach((key) => unread.add(`${path}/${key}`));
  }
  return new Proxy(value, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return typeof key === 'string' && inner.has(key) ? inner.get(key) : Reflect.get(target, key);
    },
  });
}

// What is wrong with a document. The API server drops fields that it does not know, and so does a schema; here they are
// faults: the validator reads all that it knows.
function faultsOf(document) {
  const schema = schemas[`${document.apiVersion} ${document.kind}`];
  if (!schema) {
    return [`no schema for ${document.apiVersion} ${document.kind}`];
  }
  const {validate} = load(schema);
  const unread = new Set();
  if (!validate(watched(document, '', unread))) {
    return validate.errors.map(({instancePath, message, params}) => `${instancePath}: ${message} ${JSON.stringify(params)}`);
  }
  // Below a field that nobody reads all is unread; the topmost is enough.
  return [...unread].filter((path) => !unread.has(path.slice(0, path.lastIndexOf('/')))).map((path) => `unknown field ${path}`);
}

const files = yamlFiles(folder).filter((path) => !path.endsWith('kustomization.yaml'));
const all = files.flatMap((path) => documents(path).map((document) => ({path, document})));
const one = (kind) => all.find(({document}) => document.kind === kind).document;
const changed = (document, change) => {
  const copy = structuredClone(document);
  change(copy);
  return copy;
};

test('every manifest is what its schema says', () => {
  assert.ok(all.length >= 8);
  for (const {path, document} of all) {
    assert.deepEqual(faultsOf(document), [], path);
  }
});

test('wrong values, missing and unknown fields are found, however deep', () => {
  const set = one('StatefulSet');
  const container = (copy) => copy.spec.template.spec.containers[0];
  for (const change of [
    (copy) => { copy.spec.replicas = 'three'; },
    (copy) => { delete copy.spec.selector; },
    (copy) => { copy.spec.template.spec.terminationGracePeriod = 20; },
    (copy) => { container(copy).livenessProbe.periodSecond = 10; },
    (copy) => { container(copy).securityContext.readOnlyRootFileSystem = true; },
    (copy) => { copy.spec.template.spec.volumes[1].secret.defaultMod = 288; },
    (copy) => { container(copy).env[0].valueFrom.fieldRef.path = 'x'; },
  ]) {
    assert.notDeepEqual(faultsOf(changed(set, change)), [], String(change));
  }
  assert.notDeepEqual(faultsOf(changed(one('NetworkPolicy'), (copy) => { copy.spec.egres = []; })), []);
  assert.notDeepEqual(faultsOf(changed(one('ServiceMonitor'), (copy) => { copy.spec.endpoints[0].authorisation = {}; })), []);
});

test('all are in kustomization.yaml, but for what needs an operator', () => {
  const [{resources, namespace, kind}] = documents(`${folder}/kustomization.yaml`);
  assert.equal(kind, 'Kustomization');
  assert.equal(namespace, one('Namespace').metadata.name);
  assert.deepEqual([...resources, 'servicemonitor.yaml'].sort(), files.map((path) => path.slice(folder.length + 1)).sort());
});

test('names, labels, ports and volumes fit together', () => {
  const set = one('StatefulSet');
  const {spec: pod, metadata: {labels}} = set.spec.template;
  const [{ports: [port], volumeMounts: mounts, args, image}] = pod.containers;
  const services = all.filter(({document}) => document.kind === 'Service').map(({document}) => document);
  for (const selector of [set.spec.selector.matchLabels, one('PodDisruptionBudget').spec.selector.matchLabels,
    one('NetworkPolicy').spec.podSelector.matchLabels, ...services.map(({spec}) => spec.selector)]) {
    assert.deepEqual(selector, labels);
  }
  assert.ok(services.some(({metadata, spec}) => metadata.name === set.spec.serviceName && spec.clusterIP === 'None'));
  assert.ok(services.every(({spec}) => spec.ports[0].targetPort === port.name && spec.ports[0].port === port.containerPort));
  const [endpoint] = one('ServiceMonitor').spec.endpoints;
  const chosen = services.filter(({metadata}) => metadata.labels['ledgerd/metrics'] === 'true');
  assert.equal(chosen.length, 1);
  assert.equal(endpoint.port, chosen[0].spec.ports[0].name);
  assert.equal(chosen[0].metadata.labels[one('ServiceMonitor').spec.jobLabel], 'ledgerd');
  assert.deepEqual(mounts.map(({name}) => name), pod.volumes.map(({name}) => name));
  const configuration = one('ConfigMap');
  const file = args[args.indexOf('--config') + 1];
  assert.ok(mounts.some(({mountPath}) => Object.keys(configuration.data).some((name) => file === `${mountPath}/${name}`)));
  assert.ok(documents(`${folder}/kustomization.yaml`)[0].images.some(({name}) => name === image));
});

const number = (text) => Number(/\d+/.exec(text)[0]);

test('a pod is as closed as it can be, and its limits follow from the configuration', () => {
  const set = one('StatefulSet');
  const pod = set.spec.template.spec;
  const [container] = pod.containers;
  const user = Number(/^USER (\d+):/m.exec(read('deploy/container/Containerfile'))[1]);
  assert.deepEqual([pod.securityContext.runAsUser, pod.securityContext.fsGroup, pod.securityContext.runAsNonRoot], [user, user, true]);
  assert.deepEqual(container.securityContext,
    {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: ['ALL']}});
  assert.equal(pod.automountServiceAccountToken, false);
  assert.equal(pod.volumes.find(({secret}) => secret).secret.defaultMode, 0o440);

  const toml = one('ConfigMap').data['ledgerd.toml'];
  const setting = (name) => new RegExp(`^${name} = "(.*)"$`, 'm').exec(toml)[1];
  assert.ok(number(container.resources.limits.memory) >= 1.5 * number(setting('memory-max')));
  const [, before] = container.lifecycle.preStop.exec.command;
  assert.ok(pod.terminationGracePeriodSeconds >= Number(before) + number(setting('shutdown-deadline')) + 5);
  assert.ok(setting('http-listen').endsWith(`:${container.ports[0].containerPort}`));
  const secrets = container.volumeMounts.find(({name}) => name === 'secrets').mountPath;
  for (const name of ['database-url-file', 'nats-url-file', 'http-token-file']) {
    assert.ok(setting(name).startsWith(`${secrets}/`), name);
  }
  assert.equal(container.livenessProbe.httpGet.path, '/livez');
  assert.equal(container.startupProbe.httpGet.path, '/readyz');
  assert.equal(container.readinessProbe.httpGet.path, '/readyz?for=submit');
});

test('YAML as Kubernetes and as this test read it is the same: no bare octal numbers, no yes or no', () => {
  for (const path of [...files, `${folder}/kustomization.yaml`]) {
    for (const text of read(path).split(/^---$/m)) {
      assert.deepEqual(parse(text, {version: '1.1'}), parse(text, {version: '1.2'}), path);
    }
  }
});

test('the command of the docs makes an object of the operator of all alerts', () => {
  const [, command] = /```console\n *(\(printf 'apiVersion: monitoring[\s\S]*?)\| kubectl/.exec(read('docs/deploying.md'));
  const made = parse(execFileSync('sh', ['-c', command], {cwd: new URL('../..', import.meta.url), encoding: 'utf8'}));
  assert.deepEqual(faultsOf(made), []);
  assert.deepEqual(made.spec, parse(read('deploy/prometheus/alerts.yml')));
});
