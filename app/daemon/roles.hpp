// What each role's parts are made of: the only place that makes adapters for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "actors/ledger/root.hpp"
#include "actors/submissions/root.hpp"
#include "app/config/config.hpp"
#include "app/daemon/ledger_facts.hpp"
#include "app/operations/readiness.hpp"
#include "app/operations/work_desk.hpp"
#include "domain/currency.hpp"
#include "messaging/broker.hpp"
#include "messaging/own_questions.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

// This process among others: draws its boot id. `database` is that of the ledger; 0: not known.
node_word make_node_word(const config& settings, std::uint64_t database = 0);

// A durable consumer that a role pulls from.
struct pulled_consumer {
  std::string_view stream;
  std::string_view durable;
};
std::vector<pulled_consumer> consumers_of(const config& settings);

// That messages of the broker may be larger than what a fetcher of requests or the reconciler of
// results may hold, through which everything comes. `message_bytes_max` is the broker's limit for
// payload and headers. Empty: they may not.
std::string payload_warning(const config& settings, std::size_t message_bytes_max);

// The short way between the two roles; null when this node has one.
std::shared_ptr<own_questions> own_questions_of(const config& settings);

// Both ask the broker for the consumers' settings; throw std::runtime_error when it does not
// answer, or one is not there. `nats` must outlive the actors. `own` may be null.
ledger_root_options make_ledger_role(const config& settings, broker& nats, const node_word& self,
                                     std::shared_ptr<const currency_table> currencies,
                                     std::shared_ptr<currency_lookup> lookup,
                                     const std::shared_ptr<own_questions>& own);
submission_root_options make_account_role(const config& settings, broker& nats,
                                          const node_word& self,
                                          std::shared_ptr<const currency_table> currencies,
                                          std::shared_ptr<currency_lookup> lookup,
                                          const std::shared_ptr<ledger_view>& view,
                                          const std::shared_ptr<own_questions>& own);

// What blocking work over HTTP is done with: a set for one thread.
std::shared_ptr<desk_tools> make_desk_tools(const config& settings, broker& nats,
                                            std::shared_ptr<const currency_table> currencies);

// `view` may be null. Without the ledger role `nats` must outlive it.
ledger_facts_source make_facts_source(const config& settings, broker& nats,
                                      std::shared_ptr<ledger_view> view);

watched_databases make_watched_databases(const config& settings);

// How many sessions with the database of `which` the parts below and above may have at once, all
// that are opened on first use included.
std::size_t sessions_needed(const config& settings, schema which);

// What the daemon's own audit reads; null without the ledger role.
std::unique_ptr<ledger_reader> make_audited_ledger(const config& settings);

} // namespace ledgerd
