// The fixed names of streams, subjects and consumers (contract section 1).
#pragma once

#include <string_view>

namespace ledgerd::names {

inline constexpr std::string_view request_stream = "TRANSACTIONS";
inline constexpr std::string_view result_stream = "TRANSACTION_RESULTS";
inline constexpr std::string_view dead_letter_stream = "TRANSACTION_DEAD_LETTERS";

inline constexpr std::string_view deposit_subject = "transaction.deposit";
inline constexpr std::string_view withdrawal_subject = "transaction.withdrawal";
inline constexpr std::string_view result_subjects = "transaction.result.>";
inline constexpr std::string_view deposit_result_subject = "transaction.result.deposit";
inline constexpr std::string_view withdrawal_result_subject = "transaction.result.withdrawal";
inline constexpr std::string_view dead_letter_subjects = "transaction.dead.>";
inline constexpr std::string_view dead_letter_prefix = "transaction.dead.";

inline constexpr std::string_view deposit_consumer = "deposit-consumer";
inline constexpr std::string_view withdrawal_consumer = "withdrawal-consumer";
inline constexpr std::string_view account_result_consumer = "account-result-consumer";

} // namespace ledgerd::names
