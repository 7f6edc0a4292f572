Feature: Calls that are up when the system is lost
  What runs through the system ends with it. What runs between the two parties does not need it.

  Background:
    Given a farm with servers "primary" and "secondary"
    And "primary" and "secondary" are a resilience group
    And a phone
    And the far end answers

  @AR-11
  Scenario: Audio that runs through the system ends with it
    Given "primary" anchors the audio
    And the phone is registered with "primary"
    When the phone dials the far end
    Then audio flows both ways within 2 s
    When "primary" has fault "kill"
    Then no audio comes from "primary" for 20 s

  @AR-12
  Scenario: Audio between the two parties goes on
    Given the phone is registered with "primary"
    When the phone dials the far end
    Then audio flows both ways within 2 s
    When "primary" has fault "kill"
    Then audio keeps flowing both ways for 60 s
