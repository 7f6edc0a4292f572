Feature: Servers with which TLS fails
  A phone that speaks TLS goes only to a server that proves to be the right one. Where a handshake fails, for
  whatever reason, it goes on to the next server, over TLS again: never to the same one in clear text.

  Background:
    Given a farm with servers "primary", "secondary" and "fallback"
    And a phone with profile "yealink-t5x"
    And the phone speaks TLS
    And the far end answers

  @AR-23
  Scenario: A certificate from the authority that the phone trusts
    When the phone registers
    Then the phone is registered with "primary" within 8 s

  @AR-23
  Scenario Outline: A registrar with a certificate that <what>
    Given "primary" has fault "<fault>"
    When the phone registers
    Then the phone moves REGISTER from "primary" to "secondary" in time
    And the phone is registered with "secondary" within 8 s
    And the phone sends no REGISTER to "primary" for 8 s

    Examples:
      | fault           | what                                       |
      | tls-wrong-ca    | is from an authority that nobody trusts     |
      | tls-self-signed | has signed itself                           |
      | tls-expired     | is out of date                              |
      | tls-wrong-name  | is for somebody else                        |

  @AR-23
  Scenario: A call to a server with a certificate that is out of date
    Given "primary" has fault "tls-expired"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary" within 10 s

  @YL-06
  Scenario Outline: The server answers the handshake with <alert>
    Given "primary" has fault "tls-alert code=<code>"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary" within 10 s

    Examples:
      | code | alert             |
      | 40   | handshake_failure |
      | 70   | protocol_version  |
      | 80   | internal_error    |

  @YL-06
  Scenario: The server never answers the handshake
    Given a phone with profile "yealink-t5x" and settings
      | timers.connect_timeout_ms | 4000 |
    And the phone speaks TLS
    And "primary" has fault "tls-stall"
    When the phone dials the far end
    Then the phone moves INVITE from "primary" to "secondary" in time
    And the call is established through "secondary" within 6 s

  Scenario: TLS fails with every server
    Given "primary" has fault "tls-wrong-ca"
    And "secondary" has fault "tls-alert"
    And "fallback" has fault "tls-self-signed"
    When the phone dials the far end
    Then the call fails
