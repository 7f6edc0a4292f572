Feature: Audio between the phone and the far end
  A call is worth nothing without sound. What is judged is that RTP flows, from whom, to whom and when; nobody
  listens to it. By default the servers pass session descriptions untouched, so that audio runs between the two
  parties and past the servers.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone

  @AM-01 @rfc3264-5.1 @rfc3264-6.1
  Scenario: Audio flows as soon as the far end has answered
    Given the far end answers
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    And audio keeps flowing both ways for 60 s

  @rfc3261-15
  Scenario: Audio ends with the call that the phone ends
    Given the far end answers
    When the phone dials the far end
    Then audio flows both ways
    When the phone hangs up
    Then the call ends through "primary"
    And the phone sends no INVITE for 5 s

  @rfc3261-15
  Scenario: Audio ends with the call that the far end ends
    Given the far end answers
    When the phone dials the far end
    Then audio flows both ways
    When the far end hangs up
    Then the phone answers BYE from "primary" with 200 within 1 s
    And the phone sends no INVITE for 5 s

  @rfc3264-6.1
  Scenario: A phone that is called talks, too
    Given the phone is registered with "primary"
    When the far end calls the phone through "primary"
    And the phone answers
    Then audio flows both ways within 1 s
    And audio keeps flowing both ways for 5 s

  @AM-01 @AM-05
  Scenario: Audio does not need the server
    Given the far end answers
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When "primary" has fault "silent"
    Then audio keeps flowing both ways for 60 s
