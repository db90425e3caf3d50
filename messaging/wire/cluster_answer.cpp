#include "messaging/cluster_answer.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "messaging/wire/cluster_fields.hpp"

namespace ledgerd {

namespace {

using wire::append_flag;
using wire::append_member;
using wire::append_name;

constexpr std::size_t bytes_max = std::size_t{1} << 20;
constexpr int depth_max = 8;
constexpr std::size_t nodes_max = 4096; // in one list
constexpr std::size_t consumer_name_max = 128;

void append_known(std::string& out, const known_node& node) {
  append_member(out, "boot", to_text(node.boot));
  append_member(out, "name", node.name);
  append_member(out, "version", node.version);
  append_flag(out, "ledger", node.ledger);
  append_flag(out, "account", node.account);
  append_member(out, "doing", to_text(node.doing));
  append_member(out, "ageMs", node.age_ms);
  append_flag(out, "linkUp", node.link_up);
}

void append_exchange(std::string& out, const node_exchange& one) {
  append_member(out, "node", one.node);
  append_member(out, "entries", one.entries);
}

void append_entries(std::string& out, const entry_counts& counts) {
  append_name(out, "entries");
  out += '{';
  append_member(out, "applied", counts.applied);
  append_member(out, "refused", counts.refused);
  append_member(out, "duplicate", counts.duplicate);
  append_member(out, "parked", counts.parked);
  out += '}';
}

void append_age(std::string& out, const consumer_age& one) {
  append_member(out, "consumer", one.consumer);
  if (one.oldest_ms)
    append_member(out, "oldestMs", *one.oldest_ms);
}

template <class Items, class Append>
void append_list(std::string& out, std::string_view name, const Items& items, Append append) {
  append_name(out, name);
  out += '[';
  for (const auto& each : items) {
    out += out.back() == '[' ? "{" : ",{";
    append(out, each);
    out += '}';
  }
  out += ']';
}

// The fields of an object that `read` knows must be as it wants them; false otherwise.
template <class Read>
bool read_object(const json_member& given, Read read) {
  if (given.kind != json_kind::object)
    return false;
  bool good = true;
  return !read_json_object(given.text, depth_max, [&](const json_member& each) {
    good = good && read(each);
  }) && good;
}

// The same for an array of objects, each read into a new element.
template <class Item, class Read>
bool read_objects(const json_member& given, std::vector<Item>& result, Read read) {
  if (given.kind != json_kind::array)
    return false;
  result.clear();
  bool good = true;
  return !read_json_array(given.text, depth_max, [&](const json_member& each) {
    good = good && result.size() < nodes_max && read(each, result.emplace_back());
  }) && good;
}

bool read_known(const json_member& given, known_node& node) {
  return read_object(given,
                     [&](const json_member& each) {
                       const auto& name = each.name;
                       return name == "boot"      ? wire::read_boot(each, node.boot)
                              : name == "name"    ? wire::read_name(each, node.name)
                              : name == "version" ? wire::read_text(each, node.version)
                              : name == "ledger"  ? wire::read_flag(each, node.ledger)
                              : name == "account" ? wire::read_flag(each, node.account)
                              : name == "doing"   ? wire::read_doing(each, node.doing)
                              : name == "ageMs"   ? wire::read_count(each, node.age_ms)
                              : name == "linkUp"  ? wire::read_flag(each, node.link_up)
                                                  : true;
                     })
         && node.boot != boot_id{} && !node.name.empty();
}

bool read_exchange(const json_member& given, node_exchange& one) {
  return read_object(given,
                     [&](const json_member& each) {
                       return each.name == "node"      ? wire::read_name(each, one.node)
                              : each.name == "entries" ? wire::read_count(each, one.entries)
                                                       : true;
                     })
         && !one.node.empty();
}

// Counts of which one is missing are not known, as those of a node that does not say any.
bool read_entries(const json_member& given, std::optional<entry_counts>& result) {
  entry_counts counts;
  std::set<const std::uint64_t*> said;
  const bool good = read_object(given, [&](const json_member& each) {
    auto* place = each.name == "applied"     ? &counts.applied
                  : each.name == "refused"   ? &counts.refused
                  : each.name == "duplicate" ? &counts.duplicate
                  : each.name == "parked"    ? &counts.parked
                                             : nullptr;
    if (place == nullptr)
      return true;
    said.insert(place);
    return wire::read_count(each, *place);
  });
  result = said.size() == 4 ? std::optional{counts} : std::nullopt;
  return good;
}

bool read_consumer(const json_member& given, std::string& result) {
  result = given.text;
  return given.kind == json_kind::string && !result.empty() && result.size() <= consumer_name_max
         && std::all_of(result.begin(), result.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool read_age(const json_member& given, consumer_age& one) {
  return read_object(given,
                     [&](const json_member& each) {
                       return each.name == "consumer" ? read_consumer(each, one.consumer)
                              : each.name == "oldestMs"
                                  ? wire::read_count(each, one.oldest_ms.emplace())
                                  : true;
                     })
         && !one.consumer.empty();
}

bool read_tally(const json_member& given, node_tally& tally) {
  return read_object(given, [&](const json_member& each) {
    const auto& name = each.name;
    return name == "shards"            ? wire::read_count(each, tally.shards)
           : name == "decided"         ? wire::read_count(each, tally.decided)
           : name == "returned"        ? wire::read_count(each, tally.returned)
           : name == "fenceRejections" ? wire::read_count(each, tally.fence_rejections)
           : name == "handOvers"       ? wire::read_count(each, tally.hand_overs)
           : name == "framesDropped"   ? wire::read_count(each, tally.frames_dropped)
           : name == "forwarded"       ? read_objects(each, tally.forwarded, read_exchange)
           : name == "entries"         ? read_entries(each, tally.entries)
           : name == "undecided"       ? read_objects(each, tally.undecided, read_age)
           : name == "countedMs"       ? wire::read_count(each, tally.counted_ms)
                                       : true;
  });
}

bool read_word(const json_member& given, node_word& word) {
  auto decoded =
      given.kind == json_kind::object ? decode_word(given.text) : std::optional<node_word>{};
  if (decoded)
    word = *std::move(decoded);
  return decoded.has_value();
}

} // namespace

std::string encode_answer(const cluster_answer& answer) {
  const auto& tally = answer.tally;
  std::string out = "{\"word\":" + encode_word(answer.word);
  append_list(out, "knows", answer.knows, append_known);
  append_name(out, "tally");
  out += '{';
  append_member(out, "shards", tally.shards);
  append_member(out, "decided", tally.decided);
  append_member(out, "returned", tally.returned);
  append_member(out, "fenceRejections", tally.fence_rejections);
  append_member(out, "handOvers", tally.hand_overs);
  append_member(out, "framesDropped", tally.frames_dropped);
  append_list(out, "forwarded", tally.forwarded, append_exchange);
  if (tally.entries)
    append_entries(out, *tally.entries);
  append_list(out, "undecided", tally.undecided, append_age);
  append_member(out, "countedMs", tally.counted_ms);
  return out + "}}";
}

std::optional<cluster_answer> decode_answer(std::string_view payload) {
  if (payload.size() > bytes_max)
    return std::nullopt;
  cluster_answer answer;
  bool good = true;
  const auto broken = read_json_object(payload, depth_max, [&](const json_member& each) {
    good = good
           && (each.name == "word"    ? read_word(each, answer.word)
               : each.name == "knows" ? read_objects(each, answer.knows, read_known)
               : each.name == "tally" ? read_tally(each, answer.tally)
                                      : true);
  });
  if (broken || !good || answer.word.boot == boot_id{})
    return std::nullopt;
  return answer;
}

} // namespace ledgerd
