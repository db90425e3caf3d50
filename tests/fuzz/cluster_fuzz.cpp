// What nodes say of themselves, and what they answer to whoever asks: words, answers, looks for a
// record, questions for numbers and for services. What is read can be said again, and is then the
// same.
#include <string>

#include "messaging/cluster_answer.hpp"
#include "messaging/cluster_codec.hpp"
#include "messaging/numbers_question.hpp"
#include "messaging/record_look.hpp"
#include "messaging/service_codec.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace ledgerd;

template <class Decode, class Encode>
void try_pair(const std::string& payload, Decode decode, Encode encode, const char* what) {
  const auto got = decode(payload);
  if (!got)
    return;
  const auto again = decode(encode(*got));
  demand(again.has_value() && *again == *got, what);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string payload{text_of(data, size)};
  try_pair(payload, decode_word, encode_word, "a word means something else");
  try_pair(payload, decode_answer, encode_answer, "an answer means something else");
  try_pair(payload, decode_look, encode_look, "a look means something else");
  try_pair(payload, decode_look_question, encode_look_question, "a question for a record");
  try_pair(payload, decode_numbers_question, encode_numbers_question, "a question for numbers");
  if (const auto answer = decode_answer(payload)) {
    const std::vector both{*answer, *answer};
    view_of(both);
    is_complete(both);
    find_namesake(both, answer->word.name, boot_id{1});
  }
  read_service_question(payload, boot_id{0x1111});
  if (const auto origin = origin_of({{"Ledgerd-Origin", payload}}))
    demand(!origin->node.empty(), "an origin of nobody");
  may_name(payload, record_id{4711});
  return 0;
}
