import {Cluster} from './cluster.mjs';
Cluster.prototype.formed = async function (names) { for (const n of names) await this.nodes.get(n).ready(); };
