Feature: Hold and resume
  RFC 3264 section 8.4: whoever holds a call offers a stream that does not receive, sendonly or inactive; the answer
  fits it, and who is on hold sends no audio. The other side may play music, or nothing.

  Background:
    Given a farm with servers "primary" and "secondary"
    And a phone
    And the far end answers

  @rfc3264-8.4
  Scenario: The phone holds the call and resumes it
    When the phone dials the far end
    Then the call is established through "primary"
    And audio flows both ways within 1 s
    When the phone holds the call
    Then the phone sends INVITE to "primary" within 1 s
    And the phone puts the call on hold within 1 s
    And the phone sends no audio for 2 s
    When the phone resumes the call
    Then the phone takes the call off hold within 1 s
    And audio flows both ways within 1 s
    And audio keeps flowing both ways for 5 s

  @rfc3264-8.4
  Scenario: Nobody is heard while the phone holds the call
    When the phone dials the far end
    Then audio flows both ways within 1 s
    When the phone holds the call
    Then the phone puts the call on hold within 1 s
    And the phone sends no audio for 10 s
    When the phone hangs up
    Then the call ends through "primary"

  @rfc3264-6.1 @rfc3264-8.4
  Scenario: The far end holds the call and resumes it
    When the phone dials the far end
    Then audio flows both ways within 1 s
    When the far end holds the call
    Then the phone answers INVITE from "primary" with 200 within 1 s
    And the phone sends no audio for 10 s
    When the far end resumes the call
    Then the phone answers INVITE from "primary" with 200 within 1 s
    And audio flows both ways within 1 s
    And audio keeps flowing both ways for 5 s

  @rfc3264-8.4
  Scenario: A call that the far end holds is held by the phone, too
    When the phone dials the far end
    Then audio flows both ways within 1 s
    When the far end holds the call
    Then the phone sends no audio for 2 s
    When the phone holds the call
    Then the phone puts the call on hold within 1 s
    And the phone sends no audio for 2 s
    When the phone resumes the call
    Then the phone takes the call off hold within 1 s

  @rfc3264-8.4
  Scenario: A phone that is called holds, too
    Given the phone is registered with "primary"
    When the far end calls the phone through "primary"
    And the phone answers
    Then audio flows both ways within 1 s
    And audio keeps flowing both ways for 2 s
    When the phone holds the call
    Then the phone puts the call on hold within 1 s
    And the phone sends no audio for 5 s
    When the phone resumes the call
    Then the phone takes the call off hold within 1 s
    And audio flows both ways within 1 s
