// The account side's API over its actors.
#pragma once

#include <caf/actor_system.hpp>

#include <memory>

#include "actors/submissions/protocol.hpp"
#include "app/api/submission_api.hpp"
#include "domain/currency.hpp"
#include "domain/currency_lookup.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

// `system` must outlive the result and every answer.
std::shared_ptr<submission_api>
make_account_service(caf::actor_system& system, submission_handles doors,
                     std::shared_ptr<const currency_table> currencies,
                     std::shared_ptr<currency_lookup> lookup, const request_rules& rules);

} // namespace ledgerd
