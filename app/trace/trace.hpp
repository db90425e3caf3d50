// Follows one record through the streams, the databases and the nodes. The verb `trace` and GET
// /v1/trace/{recordId} are this.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/trace/story.hpp"
#include "messaging/broker.hpp"
#include "persistence/ledger_reader.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

// Whom to ask. Each may be missing; then the sentence says why. All outlive the call.
struct trace_sources {
  broker* nats = nullptr;
  ledger_reader* ledger = nullptr;
  record_reader* records = nullptr;
  std::string nats_problem = "no broker is configured";
  std::string ledger_problem = "no database is configured";
  std::string records_problem; // empty: that there is none needs no word
};

struct trace_limits {
  search_limits search;
  // How long nodes may take to answer where their answer decides, and where it does not.
  std::chrono::milliseconds node_patience{1000};
  std::chrono::milliseconds node_patience_decided{10};
};

struct trace_report {
  trace_facts facts;
  trace_story story;
  std::shared_ptr<const currency_table> currencies;
};

// Waits for broker, databases and nodes; what is away is a note, not an error. `currencies` may be
// null: then they are read from the ledger.
trace_report trace(record_id id, const trace_sources& from, const trace_limits& limits,
                   std::shared_ptr<const currency_table> currencies = nullptr);

// As docs/openapi.json describes it.
nlohmann::ordered_json trace_json(const trace_report& report);

// A table of events, the notes and, last, the conclusion. Lines; what messages hold is not escaped.
std::string trace_text(const trace_report& report);

} // namespace ledgerd
