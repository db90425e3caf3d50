// The fields of what nodes say to each other: read and written. Private to this room; pure
// functions; any thread; the readers throw on no input and return whether the field is what it must
// be.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "domain/boot_id.hpp"
#include "messaging/cluster_codec.hpp"
#include "messaging/wire/json_reader.hpp"

namespace ledgerd::wire {

// What may stand in a log line and a table; the rule of `--node-name`.
inline constexpr std::size_t node_name_max = 64;
// Of a version.
inline constexpr std::size_t short_text_max = 64;

bool read_boot(const json_member& given, boot_id& result);
bool read_name(const json_member& given, std::string& result);
bool read_doing(const json_member& given, node_doing& result);
// Printable ASCII.
bool read_text(const json_member& given, std::string& result);
// A whole number that is not negative.
bool read_count(const json_member& given, std::uint64_t& result);
bool read_count(const json_member& given, std::uint32_t& result);
bool read_flag(const json_member& given, bool& result);
// As `hexadecimal` writes it: a number in JSON is exact to 53 bits only.
bool read_digest(const json_member& given, std::uint64_t& result);

std::string hexadecimal(std::uint64_t number); // sixteen digits

// Append `"name":value`, after a comma unless the object or array has only just begun.
void append_name(std::string& out, std::string_view name);
void append_member(std::string& out, std::string_view name, std::string_view text);
void append_member(std::string& out, std::string_view name, const char* text) = delete;
void append_member(std::string& out, std::string_view name, std::uint64_t number);
void append_flag(std::string& out, std::string_view name, bool value);

} // namespace ledgerd::wire
