// What a source knows of the life of its stream: whoever deletes a stream and makes it anew under
// the same name begins its sequence numbers again. Pure: no broker, no clock of its own, one
// thread.
//
// Creation times tell lives apart, whatever the broker's clock does. Which of two lives a message
// is of is told by the generation in which it came: what comes after this life was heard of is of
// it, what came before the first doubt in the one before it is not. The broker's clock is asked
// only of what came in the moment between.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace ledgerd {

// Nothing that comes with a message tells which life of the stream it belongs to, so the source
// asks for the creation time. Only an answer to a question asked after the message had come counts:
// by then the message cannot be younger than the stream that answers.
class stream_life {
public:
  using time_point = std::chrono::steady_clock::time_point;

  // Questions that the broker has not answered for this long are asked again.
  static constexpr std::chrono::milliseconds answer_wait{2000};
  // Between two questions; one answers for all that has come before it.
  static constexpr std::chrono::milliseconds question_pause{20};
  // How long acknowledgements wait for an answer.
  static constexpr std::chrono::milliseconds doubt_max{10000};

  // Something was made anew, perhaps: what has come so far must not be settled before the next
  // answer.
  void doubt(time_point now);

  // The number of the question that will tell the incarnation of what has come until now.
  std::uint64_t wish();

  // The number of a question to ask now, if one is due.
  std::optional<std::uint64_t> next_question(time_point now);

  // An answer: when the stream was made, in nanoseconds since 1970; 0: there is none. True when it
  // tells of another life than the one before: a generation has begun with it.
  bool answered(std::uint64_t question, std::int64_t created_at_ns);

  // No answer can come to what was asked.
  void lost();

  // The incarnation of a message that came in that generation and whose wish was `question`:
  // nothing while it is not known, 0 when the stream it came from is gone, or may be.
  std::optional<std::int64_t> incarnation(std::uint64_t question, std::uint32_t generation,
                                          std::int64_t stored_at_ns) const;

  // Grows with each doubt and each life; kept with what comes.
  std::uint32_t generation() const noexcept { return generation_; }

  enum class settling : std::uint8_t {
    yes,
    later, // in doubt
    never  // of a stream that is gone: its sequence number may name another message now
  };

  // Whether to settle what came in that generation.
  settling may_settle(std::uint32_t generation, std::int64_t stored_at_ns, time_point now) const;

  // Whether all that came in this generation may be settled, whenever it was stored. The usual
  // case, which must cost nothing.
  bool is_present(std::uint32_t generation) const noexcept { return generation == generation_; }

private:
  bool is_of_this_life(std::uint32_t generation, std::int64_t stored_at_ns) const noexcept;

  std::uint64_t asked_ = 0; // the last question's number
  std::uint64_t answered_ = 0;
  std::uint64_t wanted_ = 1;       // the first question is due at once
  std::int64_t created_at_ns_ = 0; // of the life that was told last
  bool gone_ = false;              // the last answer: there is no stream
  time_point asked_at_;
  std::uint32_t generation_ = 0;
  std::uint32_t life_may_begin_ = 0; // in this generation; none before it is of this life
  std::uint32_t life_begins_ = 0;    // this generation and all later ones are
  std::uint32_t doubted_from_ = 0;   // the generation that the present doubt began
  std::uint64_t doubted_until_ = 0;  // the question that ends the doubt; 0: no doubt
  time_point doubted_at_;
};

} // namespace ledgerd
