Feature: Failures of TCP
  A connection that cannot be made counts as a failed server. One that is gone when the next request
  is due is no failure yet: the request is delivered within five seconds, over a new connection or
  to the next server.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x"
    And the phone speaks TCP
    And the far end answers

  @YL-06
  Scenario: RST in answer to SYN
    Given "primary" has fault "tcp-refuse"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the phone sends INVITE to "secondary" within 2 s
    And the call is established through "secondary"

  @YL-06
  Scenario: No answer to SYN, for as long as the phone's own system tries
    Given "primary" has fault "tcp-blackhole"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary" within 132 s

  @YL-06
  Scenario: No answer to SYN, for as long as the profile says
    Given a phone with profile "yealink-t5x" and settings
      | timers.connect_timeout_ms | 4000 |
    And the phone speaks TCP
    And "primary" has fault "tcp-blackhole"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary" within 6 s

  @YL-06
  Scenario: Two servers that cannot be reached
    Given "primary" has fault "tcp-refuse"
    And "secondary" has fault "tcp-refuse"
    When the phone dials the far end
    Then the call is established through "fallback" within 4 s

  @YL-06 @YL-13
  Scenario: A registration that cannot connect
    Given a phone with profile "yealink-t5x" and settings
      | timers.connect_timeout_ms | 4000 |
    And the phone speaks TCP
    And "primary" has fault "tcp-blackhole"
    When the phone registers
    Then the phone is registered with "secondary" within 6 s

  @YL-07
  Scenario Outline: The connection was closed with <how> before the INVITE
    Given the phone is registered with "primary"
    When "primary" has fault "tcp-close with=<how>"
    And the phone dials the far end
    Then the call is established within 5 s

    Examples:
      | how   |
      | fin   |
      | reset |

  # A phone with one server may let the call fail (RFC 3261 section 8.1.3.1).
  @YL-07
  Scenario: The connection breaks when the INVITE has come
    Given a phone with profile "yealink-t5x" and settings
      | servers.order | [primary, secondary] |
    And the phone speaks TCP
    And the phone is registered with "primary"
    And "primary" has fault "tcp-reset when=request method=INVITE"
    When the phone dials the far end
    Then the call is established within 5 s

  @YL-07
  Scenario: The server restarts before the INVITE
    Given the phone is registered with "primary"
    When "primary" has fault "restart"
    And the phone dials the far end
    Then the call is established within 5 s
