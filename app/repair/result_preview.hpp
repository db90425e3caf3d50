// What would become of letters of results that are replayed: as the account side judges results.
//
// Pure; any thread, one at a time.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/repair/verdict_preview.hpp"
#include "messaging/submission_codec.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

// Letters are judged in their order. Keeps the record of each, about 300 bytes.
class result_preview {
public:
  // `currencies` outlives this object; null: not known, so no result can be read.
  explicit result_preview(const currency_table* currencies) : currencies_(currencies) {}

  // What `judge` has to know for this letter and has not been told yet.
  void want(const dead_letter& letter);
  std::vector<record_id> take_wanted();

  // What the account side has; nothing: no such record. Of what is not told nothing is said.
  void learn(record_id id, std::optional<record_reader::audited_record> stored);

  // Precondition: `target_of` finds no fault, and the letter is that of a result.
  expected_verdict judge(const dead_letter& letter);

private:
  using stored_record = std::optional<record_reader::audited_record>;

  static expected_verdict judge_known(const record_verdict& told, stored_record& stored,
                                      bool marked);

  const currency_table* currencies_;
  std::set<record_id> wanted_;
  std::unordered_map<record_id, stored_record> records_;
};

} // namespace ledgerd
