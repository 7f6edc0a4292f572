@precedence
Feature: What precedence overrides
  A call with precedence rings, whatever Alert-Info asks for and whatever the user has chosen for its caller.

  Background:
    Given a farm with servers "primary" and "secondary"

  @PA-11
  Scenario: Alert-Info does not make the phone answer a call with precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | incoming.auto_answer_alert_info | [auto-answer] |
    And the phone is registered with "primary"
    When a flash call "x" arrives with Alert-Info "<http://lab.example/auto-answer>"
    Then call "x" alerts within 2 s
    And call "x" is not answered for 10 s

  @PA-11
  Scenario: The same Alert-Info makes it answer a call without precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | incoming.auto_answer_alert_info | [auto-answer] |
    And the phone is registered with "primary"
    When a call "x" without precedence arrives with Alert-Info "<http://lab.example/auto-answer>"
    Then call "x" is answered within 2 s

  @PA-13
  Scenario: A caller whose calls are diverted gets through with precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | incoming.contacts | [{user: "1002", divert_to: "1009"}] |
    And the phone is registered with "primary"
    When a call "w" without precedence arrives
    Then call "w" is refused with 302 within 2 s
    When a flash call "x" arrives
    Then call "x" alerts within 2 s

  @PA-13
  Scenario: A caller whose calls the user rejects gets through with precedence
    Given a phone with profile "polycom-vvx-ucs58" and settings
      | incoming.contacts | [{user: "1002", reject: 603}] |
    And the phone is registered with "primary"
    When a call "w" without precedence arrives
    Then call "w" is refused with 603 within 2 s
    When a flash call "x" arrives
    Then call "x" alerts within 2 s
