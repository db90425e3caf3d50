// The manifests for Kubernetes: each is what its schema says, with no field that the schema does not know, and they fit
// together.

import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import test from 'node:test';

import {parse} from 'yaml';

import {documents, read, yamlFiles} from './manifests.mjs';
