// The short way of a node's questions to its own ledger. A node with both roles reads balances from
// the ledger's database by itself; other nodes are asked over NATS only when it cannot. So it tells
// balances while it is cut off from NATS, which a balancer in front of the account side relies on.
#pragma once

#include <chrono>
#include <memory>

#include "messaging/ports.hpp"

namespace ledgerd {

// Between a desk and an inquirer of one process. Thread-safe.
class own_questions;
std::shared_ptr<own_questions> make_own_questions();

// `outer`, which also gives the questions of `own`. Answers to these go no further than the
// process.
std::unique_ptr<question_desk> answer_own_too(std::shared_ptr<own_questions> own,
                                              std::unique_ptr<question_desk> outer);

// Asks `own` first, and `outer` when nobody takes those questions, when the answer is 503, or when
// none comes within `patience`; for a while afterwards `outer` alone.
std::unique_ptr<inquirer> ask_own_first(std::shared_ptr<own_questions> own,
                                        std::unique_ptr<inquirer> outer,
                                        std::chrono::milliseconds patience = question_patience);

} // namespace ledgerd
