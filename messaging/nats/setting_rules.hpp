// Judges the fields of a stream's or a consumer's configuration one by one, as the broker reports
// them, by two tables of what each may be. Those that are judged together are settings.cpp's. Pure.
#pragma once

#include <string>
#include <string_view>

#include "messaging/nats/settings.hpp"

namespace ledgerd {

// `who` starts each sentence.
judgement judge_stream_fields(const std::string& who, std::string_view config, stream_use use,
                              const judging& how);
judgement judge_consumer_fields(const std::string& who, std::string_view config,
                                const judging& how);

} // namespace ledgerd
