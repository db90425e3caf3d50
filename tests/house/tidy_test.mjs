// The house rules must be able to fail: each breach is planted once in a clean tree and must be found.

import assert from 'node:assert/strict';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import test from 'node:test';

import {tidy} from './tidy.mjs';

const clean = {
  'domain/CMakeLists.txt': 'add_library(domain money.cpp)\n',
  'domain/money.cpp': '#include "domain/money.hpp"\n\n#include <vector>\n\nint one() {\n  return 1; // no double\n}\n',
  'domain/money.hpp': '#pragma once\n#include <cstdint>\n',
  'domain/assert.hpp': 'inline void fail() {\n  std::fprintf(stderr, "bug");\n}\n',
  'messaging/CMakeLists.txt': 'add_library(messaging nats/broker.cpp)\n',
  'messaging/broker.hpp': '#include "domain/money.hpp"\n#include "messaging/ports.hpp"\n',
  'messaging/nats/broker.cpp': '#include <nats/nats.h>\n#include <nlohmann/json.hpp>\n#include "domain/money.hpp"\n'
    + '#include "messaging/broker.hpp"\n#include "messaging/nats/link.hpp"\n',
  'persistence/CMakeLists.txt': 'add_library(persistence postgres/store.cpp)\n',
  'persistence/postgres/store.cpp': '#include <pqxx/pqxx>\n#include <libpq-fe.h>\n#include "domain/money.hpp"\n',
  'actors/CMakeLists.txt': 'add_library(actors ledger/gate.cpp)\n',
  'actors/ledger/gate.cpp': '#include <caf/all.hpp>\n#include "messaging/ports.hpp"\n'
    + '#include "persistence/ledger_store.hpp"\n#include "actors/common/lease.hpp"\n',
  'app/CMakeLists.txt': 'add_library(app main.cpp)\n',
  'app/main.cpp': '#include <CLI/CLI.hpp>\n#include "app/verbs/verbs.hpp"\n\nint main() {\n  std::cout << 1.5;\n}\n',
};

function faultsWith(planted) {
  const root = mkdtempSync(join(tmpdir(), 'ledgerd-tidy.'));
  try {
    for (const [path, text] of Object.entries({...clean, ...planted})) {
      mkdirSync(dirname(join(root, path)), {recursive: true});
      writeFileSync(join(root, path), text);
    }
    return tidy(root).faults;
  } finally {
    rmSync(root, {recursive: true});
  }
}

const longFunction = (head, lines = 71) => `${head} {\n${'  work();\n'.repeat(lines)}}\n`;

const topology = 'constexpr auto routes = to_array<route>({\n  {movement::deposit, "transaction.deposit"},\n});\n';

const described = '{"channels": {"a": {"address": "ledgerd.api.{what}.more"}, "b": {"address": "ledgerd.api.giftwrap"}}}';

const logTable = 'constexpr auto events = to_array<row>({\n      {node_left, "node_left", info, change, false},\n});\n';

const breaches = {
  'domain including messaging': {'domain/money.hpp': '#include "messaging/codec.hpp"\n'},
  'domain including a library': {'domain/money.cpp': '#include <caf/all.hpp>\n'},
  'domain including the operating system': {'domain/money.cpp': '#include <unistd.h>\n'},
  'messaging including persistence': {'messaging/nats/broker.cpp': '#include "persistence/postgres.hpp"\n'},
  'messaging including actors': {'messaging/nats/broker.cpp': '#include "actors/ledger/gate.hpp"\n'},
  'cnats in a header': {'messaging/broker.hpp': '#include <nats/nats.h>\n'},
  'JSON in a header': {'messaging/broker.hpp': '#include <nlohmann/json.hpp>\n'},
  'cnats in persistence': {'persistence/postgres/store.cpp': '#include <nats/nats.h>\n'},
  'libpqxx in a header': {'persistence/store.hpp': '#include <pqxx/pqxx>\n'},
  'libpqxx in actors': {'actors/ledger/gate.cpp': '#include <pqxx/pqxx>\n'},
  'actors including the broker': {'actors/ledger/gate.cpp': '#include "messaging/broker.hpp"\n'},
  'actors including PostgreSQL': {'actors/ledger/gate.cpp': '#include "persistence/postgres.hpp"\n'},
  'a room going past the door of another': {'app/daemon/start.hpp': '#include "messaging/nats/link.hpp"\n'},
  'a door including what is behind it': {'messaging/broker.hpp': '#include "messaging/nats/link.hpp"\n'},
  'the wire including NATS': {'messaging/wire/codec.hpp': '#include "messaging/nats/link.hpp"\n'},
  'cnats in the wire': {
    'messaging/wire/text.cpp': '#include <nats/nats.h>\n', 'messaging/CMakeLists.txt': 'add_library(m nats/broker.cpp wire/text.cpp)\n',
  },
  'a side including the other': {'actors/ledger/gate.hpp': '#include "actors/submissions/protocol.hpp"\n'},
  'the other including the one': {'actors/submissions/intake.hpp': '#include "actors/ledger/protocol.hpp"\n'},
  'what is common including a side': {'actors/common/lease.hpp': '#include "actors/ledger/protocol.hpp"\n'},
  'HTTP knowing the ledger': {'app/http/server.hpp': '#include "messaging/codec.hpp"\n'},
  'the configuration including HTTP': {'app/config/config.hpp': '#include "app/http/server.hpp"\n'},
  'operations including the daemon': {'app/operations/routes.hpp': '#include "app/daemon/start.hpp"\n'},
  'HTTP including all of the configuration': {'app/http/access.hpp': '#include "app/config/config.hpp"\n'},
  'the bench including all of the configuration': {'app/bench/bench.hpp': '#include "app/config/config.hpp"\n'},
  'operations including the configuration': {'app/operations/routes.hpp': '#include "app/config/config.hpp"\n'},
  'the API including operations': {'app/api/routes.hpp': '#include "app/operations/routes.hpp"\n'},
  'the daemon including a tool': {'app/daemon/start.hpp': '#include "app/bench/bench.hpp"\n'},
  'a tool including the daemon': {'app/audit/audit.hpp': '#include "app/daemon/start.hpp"\n'},
  'the base including anything of ours': {'app/base/text.hpp': '#include "app/config/config.hpp"\n'},
  'a source in no wing': {'app/extra/text.hpp': '\n'},
  'actors including app': {'actors/ledger/gate.hpp': '#include "app/config/config.hpp"\n'},
  'a room including tests': {'app/main.cpp': '#include "tests/support/fake.hpp"\n'},
  'a long file': {'domain/money.hpp': '\n'.repeat(501)},
  'a long script': {dev: '\n'.repeat(501)},
  'a long function': {'domain/money.cpp': longFunction('void grow(int a)')},
  'a long function in a test': {
    'tests/a_test.cpp': longFunction('CAF_TEST(grow)', 121), 'tests/CMakeLists.txt': 'add_executable(t a_test.cpp)\n',
  },
  'a long function after a wrapped head': {'domain/money.cpp': `void grow(int a,\n${longFunction('          int b)')}`},
  'debug output by stream': {'domain/money.cpp': 'void f() {\n  std::cout << 1;\n}\n'},
  'debug output by printf': {'actors/ledger/gate.cpp': 'void f() {\n  printf("x");\n}\n'},
  'unfinished work': {'app/main.cpp': `// ${'TO' + 'DO'}: finish\n`},
  "a movement's subject outside the topology": {
    'messaging/topology.hpp': topology, 'messaging/nats/broker.cpp': 'const auto subject = "transaction.result.deposit";\n',
  },
  "a movement's consumer outside the topology": {
    'messaging/topology.hpp': topology, 'app/main.cpp': 'const auto durable = "deposit-consumer";\n',
  },
  'a double in domain': {'domain/money.cpp': 'double half;\n'},
  'a float in messaging': {'messaging/nats/broker.cpp': 'float half;\n'},
  'a double in persistence': {'persistence/postgres/store.cpp': 'static_cast<double>(1);\n'},
  'an await': {'actors/ledger/gate.cpp': 'self->request(a, b).await(c);\n'},
  'one function in two headers': {
    'domain/money.hpp': 'namespace ledgerd {\ninline std::string line(std::string_view text) {\n  return "";\n}\n}\n',
    'app/base/text.hpp': 'namespace ledgerd {\nstruct other {\n  int line();\n};\n\n'
      + 'std::string line(std::string_view other = "");\n}\n',
  },
  'one type in two headers': {
    'domain/money.hpp': 'namespace ledgerd {\nstruct room {\n  int left = 0;\n};\n}\n',
    'app/base/text.hpp': 'namespace ledgerd {\ntemplate <class T>\nclass room final : public hall<T> {\n};\n}\n',
  },
  'one type in a header and a test': {
    'domain/money.hpp': 'namespace ledgerd {\nenum class room { left, right };\n}\n',
    'tests/domain/money_test.cpp': 'namespace ledgerd {\nenum class room {\n  up,\n};\n}\n',
    'tests/CMakeLists.txt': 'add_executable(money domain/money_test.cpp)\n',
  },
  'options that were not made whole': {'actors/ledger/gate.cpp': 'void f() {\n\n  gate_options config;\n}\n'},
  'a subject of JetStream made by hand': {'messaging/nats/broker.cpp': 'ask("$JS.API.STREAM.INFO.X");\n'},
  'a spawn without a guard': {
    'actors/ledger/root.cpp': 'self->spawn<caf::detached>(\n  poster, store);\n',
    'actors/CMakeLists.txt': 'add_library(actors ledger/gate.cpp ledger/root.cpp)\n',
  },
  'an actor constructed by another': {'actors/ledger/gate.cpp': 'self->spawn(guarded(poster), store);\n'},
  'a finding that nobody explains': {
    'app/audit/findings.cpp': '    LEDGERD_NAME(chain_gap)\n', 'app/CMakeLists.txt': 'add_library(app main.cpp audit/findings.cpp)\n',
  },
  'a dead-letter reason that nobody explains': {
    'messaging/wire/codec.cpp': '  case dead_reason::too_large:\n    return "TOO_LARGE";\n',
    'messaging/CMakeLists.txt': 'add_library(messaging nats/broker.cpp wire/codec.cpp)\n',
  },
  'a subject that nobody describes': {
    'messaging/names.hpp': 'constexpr std::string_view api_gift = "ledgerd.api.gift";\n', 'docs/asyncapi.json': described,
  },
  'a header that nobody describes': {'domain/money.hpp': 'const auto name = "Ledgerd-Gift";\n', 'docs/asyncapi.json': described},
  'a line of the log without an event': {'app/main.cpp': 'void f() {\n  spdlog::warn("x");\n}\n'},
  'the log of a library in an actor': {'actors/ledger/gate.cpp': '#include <spdlog/spdlog.h>\n'},
  'an event of the log that nobody explains': {
    'actors/common/log_event.hpp': logTable, 'app/main.cpp': 'log(log_event::node_left, "x");\n',
  },
  'an event that is explained with another level': {
    'actors/common/log_event.hpp': logTable, 'app/main.cpp': 'log(log_event::node_left, "x");\n',
    'docs/log-events.md': '\n| `node_left` | error | it goes | |\n',
  },
  'an event that nobody says': {
    'actors/common/log_event.hpp': logTable, 'docs/log-events.md': '\n| `node_left` | info | it goes | |\n',
  },
  'an explanation of an event that is gone': {
    'actors/common/log_event.hpp': logTable, 'app/main.cpp': 'log(log_event::node_left, "x");\n',
    'docs/log-events.md': '\n| `node_left` | info | it goes | |\n| `node_right` | info | it goes | |\n',
  },
  'the global crypto': {'examples/pay.mjs': 'const key = crypto.randomUUID();\n'},
  'an array method of Node.js 20': {'tests/e2e/a.mjs': 'const b = a.toSorted();\n'},
  'a link to a page that is gone': {'docs/a.md': 'See [b](b.md), [a](a.md#top) and [web](https://example.org/x).\n'},
  'a source nobody builds': {'domain/stray.cpp': '\n'},
};

test('a clean tree passes', () => {
  assert.deepEqual(faultsWith({}), []);
});

test('two functions of one name pass', () => {
  assert.deepEqual(faultsWith({
    'domain/money.hpp': 'namespace ledgerd {\nint line(int a);\nnamespace wire {\nint line(long a);\n}\n}\n',
    'app/base/text.hpp': 'namespace ledgerd {\nint line(long a, int b = f(1, 2));\nstruct s {\n  int line(int a);\n};\n}\n',
  }), []);
});

test('two types of one name that the linker keeps apart pass', () => {
  assert.deepEqual(faultsWith({
    'domain/money.hpp': 'namespace ledgerd {\nclass room;\nstruct room {\n  enum class side { left };\n};\n}\n',
    'app/base/text.hpp': 'namespace ledgerd {\nclass room;\nclass hall {\n  struct room {\n  };\n  enum class side { right };\n};\n'
      + 'namespace http {\nstruct room {\n};\n}\n}\n',
    'app/main.cpp': 'namespace ledgerd {\nnamespace {\nstruct room {\n};\n}\nstruct hall::stair {\n};\n}\n',
  }), []);
});

test('an empty tree does not', () => {
  const root = mkdtempSync(join(tmpdir(), 'ledgerd-tidy.'));
  assert.equal(tidy(root).faults.length, 1);
  rmSync(root, {recursive: true});
});

for (const [name, planted] of Object.entries(breaches)) {
  test(`finds ${name}`, () => {
    assert.equal(faultsWith(planted).length, 1);
  });
}
