Feature: SIP over TLS
  A phone that speaks TLS opens one connection to its server, and everything goes over that: what the phone
  sends, what answers it, and what the server sends to the phone.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone that speaks TLS
    And the far end answers

  Scenario: The phone registers
    When the phone registers
    Then the phone is registered with "primary" within 2 s

  Scenario: The phone calls
    When the phone dials the far end
    Then the call is established through "primary"
    When the phone hangs up
    Then the call ends through "primary" within 2 s

  Scenario: The phone is called
    Given the phone is registered with "primary"
    When the far end calls the phone through "primary"
    And the phone answers
    Then the call is established through "primary"
    When the far end hangs up
    Then the phone answers BYE from "primary" with 200 within 2 s
