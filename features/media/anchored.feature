Feature: Where audio runs
  Servers either pass session descriptions untouched, and audio runs past them, or they write themselves into them, and
  it runs through them. A phone cannot tell the one from the other: it sends where it is told to.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone
    And the far end answers

  @AM-03
  Scenario: Audio runs past the server
    When the phone dials the far end
    Then the call is established through "primary"
    And audio keeps flowing both ways for 5 s
    And no audio has passed through "primary"

  @rfc3264-6.1
  Scenario: Audio runs through the server
    Given "primary" anchors the audio
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    And audio keeps flowing both ways for 5 s
    When the phone hangs up
    Then the call ends through "primary"

  @rfc3264-8.4
  Scenario: Hold and resume through the server
    Given the servers anchor the audio
    When the phone dials the far end
    Then audio flows both ways within 1 s
    When the phone holds the call
    Then the phone puts the call on hold within 1 s
    And the phone sends no audio for 5 s
    When the phone resumes the call
    Then the phone takes the call off hold within 1 s
    And audio flows both ways within 1 s
