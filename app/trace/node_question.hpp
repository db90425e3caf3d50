// Asks all nodes whether they hold a record, and who there is: when all have answered, nobody is
// waited for. The questions go out at once; the answers are taken when the rest is known.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "domain/entry.hpp"
#include "messaging/cluster_ports.hpp"
#include "messaging/record_look.hpp"

namespace ledgerd {

// Belongs to one thread.
class node_question {
public:
  // When somebody has answered and others are missing, for so long they still may.
  static constexpr std::chrono::milliseconds quiet{100};

  node_question(std::shared_ptr<peer_line> to_all, const look_question& asked);
  node_question(const node_question&) = delete;
  node_question& operator=(const node_question&) = delete;

  // What has come by now, and within `patience` of now as long as it may still come. Nodes of
  // earlier versions answer with something else and count as silent, as do those that are asked too
  // much.
  const std::vector<record_look>& answers(std::chrono::milliseconds patience);

private:
  struct bell;

  void take();
  void expect(boot_id boot, bool answers);
  bool all_have_answered() const;

  const std::shared_ptr<bell> bell_;
  const std::shared_ptr<peer_line> line_;
  std::vector<record_look> answers_;
  std::vector<boot_id> expected_; // who has the role ledger, by what nodes say of each other
  std::chrono::steady_clock::time_point last_;
  bool nobody_ = false;
};

} // namespace ledgerd
