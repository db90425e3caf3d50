// What the verbs share: connections made from the configuration, and what they read of a message.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/config/server_settings.hpp"
#include "domain/entry.hpp"
#include "messaging/broker.hpp"
#include "persistence/postgres.hpp"

namespace ledgerd {

// One attempt; throws std::runtime_error with the reason, without secrets.
std::unique_ptr<broker> connect_broker(const broker_settings& settings);

// Throws usage_error when no database is configured. Connects on first use.
std::unique_ptr<ledger_reader> open_ledger(const database_settings& settings);

// The same for verbs that only show what is there: the database may be a standby.
std::unique_ptr<ledger_reader> open_ledger_to_read(const database_settings& settings);

// The user's name on this machine, as the actions show it.
std::string user_at_host();

// The value of a header, or an empty text.
std::string_view header_value(const stored_message& message, std::string_view name);

// The recordId of a payload that is a JSON object with a valid one; nothing for all else.
std::optional<record_id> record_of(std::string_view payload);

} // namespace ledgerd
