@precedence @operator
Feature: What a user hears and sees of precedence
  No packet shows a ring or a display. Somebody at the phone is asked; the reference phone knows of itself.

  Background:
    Given a farm with servers "primary" and "secondary"

  @PA-10
  Scenario: A level rings with the ring type that is set for it
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.ring_types | {flash: 7, immediate: 6} |
    And the phone is registered with "primary"
    When a flash call "x" arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the phone rings with ring type 7

  @PA-11
  Scenario: Alert-Info does not choose the ring of a call with precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.ring_types                | {flash: 7}  |
      | incoming.alert_info_ring_types | {ring-3: 3} |
    And the phone is registered with "primary"
    When a flash call "x" arrives with Alert-Info "<http://lab.example/ring-3>"
    Then call "x" alerts within 2 s
    And the person at the phone sees that the phone rings with ring type 7

  @PA-11
  Scenario: The same Alert-Info chooses the ring of a call without precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.ring_types                | {flash: 7}  |
      | incoming.alert_info_ring_types | {ring-3: 3} |
    And the phone is registered with "primary"
    When a call "x" without precedence arrives with Alert-Info "<http://lab.example/ring-3>"
    Then call "x" alerts within 2 s
    And the person at the phone sees that the phone rings with ring type 3

  @PA-12
  Scenario: A call with precedence rings faster where no ring is set for its level
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.ring_types | {} |
    And the phone is registered with "primary"
    When a flash call "x" arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the phone rings faster than usual

  @PA-12
  Scenario: A call without precedence rings as usual
    Given a phone with profile "polycom-vvx-ucs58"
    And the phone is registered with "primary"
    When a call "x" without precedence arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the phone rings no faster than usual

  @PA-13
  Scenario: The ring of a level goes before the ring of the caller
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.ring_types   | {flash: 7}                     |
      | incoming.contacts | [{user: "1002", ring_type: 4}] |
    And the phone is registered with "primary"
    When a flash call "x" arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the phone rings with ring type 7

  @PA-13
  Scenario: A caller without precedence rings with his own ring
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.ring_types   | {flash: 7}                     |
      | incoming.contacts | [{user: "1002", ring_type: 4}] |
    And the phone is registered with "primary"
    When a call "x" without precedence arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the phone rings with ring type 4

  @PA-14 @PA-16
  Scenario: Three tones in the call tell of one that waits and has precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | incoming.call_waiting         | beep |
      | mlpp.requires_all_appearances | true |
    And line 1 has 2 call appearances
    And line 1 has the calls
      | call | precedence | state  | age  |
      | a    | routine    | active | 10 s |
    When a flash call "x" arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that a tone in the call tells of the one that waits
    And the person at the phone sees that three short tones tell of the call that waits
    And the person at the phone sees that the speaker does not ring for the call that waits

  @PA-14 @PA-16
  Scenario: A single tone tells of one that waits and has no precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | incoming.call_waiting         | beep |
      | mlpp.requires_all_appearances | true |
    And line 1 has 2 call appearances
    And line 1 has the calls
      | call | precedence | state  | age  |
      | a    | routine    | active | 10 s |
    When a call "x" without precedence arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that a tone in the call tells of the one that waits
    And the person at the phone sees that no three short tones tell of the call that waits

  @PA-15
  Scenario: The speaker rings for one that waits, in the way of its level
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | incoming.call_waiting         | ring       |
      | mlpp.ring_types               | {flash: 7} |
      | mlpp.requires_all_appearances | true       |
    And line 1 has 2 call appearances
    And line 1 has the calls
      | call | precedence | state  | age  |
      | a    | routine    | active | 10 s |
    When a flash call "x" arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the speaker rings for the call that waits
    And the person at the phone sees that the phone rings with ring type 7
    And the person at the phone sees that no tone in the call tells of the one that waits

  @PA-17
  Scenario: Of several calls that ring, the highest is on top
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.requires_all_appearances | true |
    And line 1 has 4 call appearances
    And line 1 has the calls
      | call | precedence | state    | age  |
      | a    | priority   | alerting | 15 s |
      | b    | flash      | alerting | 10 s |
    When an immediate call "x" arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the highest of the calls that ring is on top

  @PA-18 @PA-19 @PA-20 @PA-21
  Scenario Outline: The display of <models> shows the level of a <level> call as <text>
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.priority_text | <pattern> |
    And the phone is registered with "primary"
    When a <level> call "x" arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the display shows "<text>"

    Examples:
      | models                              | pattern      | level    | text       |
      | VVX 101, 201, 3xx, 150              | P-{n}        | priority | P-1        |
      | VVX 101, 201, 3xx, 150              | P-{n}        | flash    | P-3        |
      | VVX 4xx, 5xx, 6xx, 15xx, 250 to 450 | Priority-{n} | priority | Priority-1 |
      | VVX 4xx, 5xx, 6xx, 15xx, 250 to 450 | Priority-{n} | flash    | Priority-3 |

  @PA-18 @PA-19 @PA-20 @PA-21
  Scenario: The display shows no level of a call without precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | mlpp.priority_text | P-{n} |
    And the phone is registered with "primary"
    When a call "x" without precedence arrives
    Then call "x" alerts within 2 s
    And the person at the phone sees that the display does not show "P-1"
