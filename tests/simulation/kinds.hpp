// Everything that a run counts: what goes wrong, and what comes of it. A kind that a thousand seeds
// never meet is one that is no longer tried.
#pragma once

#include <array>
#include <string_view>

namespace ledgerd::sim {

struct kind {
  std::string_view what;
  bool rare = false; // may be missing in a thousand seeds
};

inline constexpr std::array kinds{
    kind{"PubAck late"},
    kind{"PubAck lost"},
    kind{"PubAck twice"},
    kind{"batch blocked"},
    kind{"batch refused"},
    kind{"commit hung"},
    kind{"commit late"},
    kind{"commit lost"},
    kind{"commit's answer lost"},
    kind{"connection cut"},
    kind{"consumer deleted"},
    kind{"consumer deleted while messages are held"},
    kind{"consumer made again"},
    kind{"consumer without a leader"},
    kind{"database cut off"},
    kind{"database down"},
    kind{"database read-only"},
    kind{"database restarted"},
    kind{"database silent"},
    kind{"deleted by a limit"},
    kind{"delivered again"},
    kind{"deliveries limited"},
    kind{"delivery forgotten"},
    kind{"fence rejected"},
    kind{"frame as long as the server takes"},
    kind{"given up by a consumer"},
    kind{"leader changed"},
    kind{"lease ran out"},
    kind{"lease renewed"},
    kind{"letter named by its own time", true},
    kind{"link cut"},
    kind{"link silent"},
    kind{"message between parted nodes"},
    kind{"message late"},
    kind{"message lost"},
    kind{"message twice"},
    kind{"nats-server killed"},
    kind{"nobody answers"},
    kind{"node begins while a consumer is silent"},
    kind{"node drained"},
    kind{"node killed"},
    kind{"node of the account side alone"},
    kind{"node of the ledger alone"},
    kind{"node stopped"},
    kind{"nodes parted"},
    kind{"nodes parted one way"},
    kind{"other weather"},
    kind{"post failed", true}, // the store in memory has no reason to
    kind{"publication lost"},
    kind{"pull request without bytes left"},
    kind{"record locked by a stranger"},
    kind{"record looked at"},
    kind{"request too large"},
    kind{"requests near their limit"},
    kind{"row locked by a stranger"},
    kind{"server takes less"},
    kind{"server's wall clock set"},
    kind{"session terminated"},
    kind{"session terminated at COMMIT"},
    kind{"session terminated while idle"},
    kind{"settled from an earlier life", true},
    kind{"settlement forgotten"},
    kind{"settlement lost"},
    kind{"stream full"},
    kind{"stream limited in age"},
    kind{"stream limited in bytes"},
    kind{"stream limited in messages"},
    kind{"stream made anew"},
    kind{"verdict blocked"},
    kind{"waited for a row"},
    kind{"wall clock set"},
};

} // namespace ledgerd::sim
