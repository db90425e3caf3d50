#include "messaging/cluster_codec.hpp"

#include "messaging/wire/cluster_fields.hpp"

namespace ledgerd {

namespace {

using wire::append_flag;
using wire::append_member;

// Of a whole word: a later version may say more, nobody says so much.
constexpr std::size_t bytes_max = 4096;
constexpr int depth_max = 8;

// False: the field is not what it must be.
bool read_field(const json_member& given, node_word& word) {
  const auto& name = given.name;
  return name == "boot"        ? wire::read_boot(given, word.boot)
         : name == "name"      ? wire::read_name(given, word.name)
         : name == "version"   ? wire::read_text(given, word.version)
         : name == "linkLeast" ? wire::read_count(given, word.link_least)
         : name == "linkMost"  ? wire::read_count(given, word.link_most)
         : name == "ledger"    ? wire::read_flag(given, word.ledger)
         : name == "account"   ? wire::read_flag(given, word.account)
         : name == "doing"     ? wire::read_doing(given, word.doing)
         : name == "released"  ? wire::read_digest(given, word.released)
         : name == "uptimeMs"  ? wire::read_count(given, word.uptime_ms)
         : name == "asks"      ? wire::read_flag(given, word.asks)
         : name == "database"  ? wire::read_digest(given, word.database)
                               : true;
}

} // namespace

bool serve_different_ledgers(std::uint64_t one, std::uint64_t other) noexcept {
  return one != 0 && other != 0 && one != other;
}

std::string encode_word(const node_word& word) {
  std::string out = "{";
  append_member(out, "boot", to_text(word.boot));
  append_member(out, "name", word.name);
  append_member(out, "version", word.version);
  append_member(out, "linkLeast", std::uint64_t{word.link_least});
  append_member(out, "linkMost", std::uint64_t{word.link_most});
  append_flag(out, "ledger", word.ledger);
  append_flag(out, "account", word.account);
  append_member(out, "doing", to_text(word.doing));
  append_member(out, "released", wire::hexadecimal(word.released));
  append_member(out, "uptimeMs", word.uptime_ms);
  append_flag(out, "asks", word.asks);
  if (word.database != 0)
    append_member(out, "database", wire::hexadecimal(word.database));
  return out + "}";
}

std::optional<node_word> decode_word(std::string_view payload) {
  if (payload.size() > bytes_max)
    return std::nullopt;
  node_word word;
  bool good = true;
  bool says_what_it_does = false;
  const auto broken = read_json_object(payload, depth_max, [&](const json_member& given) {
    good = good && read_field(given, word);
    says_what_it_does = says_what_it_does || given.name == "doing";
  });
  if (broken || !good || !says_what_it_does || word.boot == boot_id{} || word.name.empty())
    return std::nullopt;
  return word;
}

} // namespace ledgerd
