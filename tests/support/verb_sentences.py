"""Our own instructions, labelled by hand with the root verb and the head of its direct noun object.

A label is `verb object`, or `-` if there is no such pair (a question, an intransitive verb, a clause as object). The rule was:
take the verb of the main clause, or that of the request ("can you VERB", "your task is to VERB"), and its first direct object,
if the head is a noun; use lemmas. A noun that belongs to a preposition is not a direct object.
"""

# These sentences were in view while the reader was written.
KNOWN = """
Write a short poem about the first snow in a harbour town. | write poem
Sort the following numbers from large to small. | sort number
Name three animals that sleep during winter. | name animal
Please translate the sentence below into Portuguese. | translate sentence
Given a list of ingredients, suggest a dinner that uses all of them. | suggest dinner
Can you explain the difference between a comet and an asteroid? | explain difference
What is the tallest mountain in Africa? | -
You will be given two sentences. Decide whether they mean the same thing. | -
Your task is to find the missing word in each line. | find word
Tell me a joke about a plumber and a violin. | tell joke
Tell me if the review below is friendly. | -
Rewrite this paragraph so that a child understands it. | rewrite paragraph
Answer the question using only the table. | answer question
Classify each message as urgent or not urgent. | classify message
How would you clean a cast-iron pan? | clean pan
Plan a three-day trip to Lisbon for a family of four. | plan trip
Rank these cities by population. | rank city
Find out which of the two trains arrives first. | -
Fill in the blanks with words of opposite meaning. | fill blank
Using the notes below, draft an email to the landlord. | draft email
Based on the weather report, recommend suitable clothes for a hike. | recommend clothes
If the sentence is in the passive voice, change it to the active voice. | -
Summarize the article in one sentence. | summarize article
Give the customer a polite reason for the delay. | give reason
Compare and contrast the two paintings. | compare painting
Solving the puzzle step by step, show your work. | show work
Think of a word that rhymes with orange. | -
Respond to the complaint in a friendly tone. | -
Convert 5 miles to kilometres. | convert mile
Write down all of the dates mentioned in the letter. | write date
Make a list of things to pack for a week at the seaside. | make list
Help me write a speech for my sister's wedding. | write speech
I want you to act as a tour guide. | -
Which of these words does not belong with the others? | -
Identify the subject and the verb of the sentence. | identify subject
Describe your favourite season using all five senses. | describe season
Generate five interview questions for a school librarian. | generate question
Correct the spelling mistakes in the text. | correct mistake
Create a step-by-step guide to repotting a houseplant. | create guide
In this task, you need to extract every phone number from a message. | extract number
Read the story and answer the questions below it. | read story
Do not use the letter e. Write a sentence about the sea. | write sentence
Explain why the moon always shows us the same face. | -
Design a logo for a bakery. | design logo
Detect the language of the following text. | detect language
Suggest some good names for a grey parrot. | suggest name
Provide a brief, well-organised summary of the meeting notes. | provide summary
Turn the recipe into a shopping list. | turn recipe
List the pros and cons of working at night. | list pro
Could you please recommend a few novels set in Iceland? | recommend novel
Choose the best title for the passage from the options given. | choose title
Imagine you are a lighthouse keeper. Write a diary entry for a stormy night. | write entry
Calculate the area of a circle with a radius of 4 cm. | calculate area
Write the opening paragraph of a detective story. | write paragraph
Suppose you have twelve coins; find the false one in three weighings. | -
Replace every adjective in the sentence with its opposite. | replace adjective
Outline the main arguments for and against a four-day week. | outline argument
Reverse the order of the words. | reverse order
Remove duplicate entries from the list. | remove entry
Propose a plan to reduce food waste in a canteen. | propose plan
Predict what happens next. | -
Tell whether the statement is true or false. | -
Determine the sentiment of the tweet. | determine sentiment
Write a Python function that returns the largest value of a list. | write function
Edit the text for clarity. | edit text
Pick the odd one out. | -
Estimate the cost of painting a room of 20 square metres. | estimate cost
Draft a thank-you note to a neighbour who watered your plants. | draft note
Draw up a weekly timetable for a kindergarten. | draw timetable
Show me an example of a haiku. | show example
Define the term photosynthesis in simple words. | define term
Analyse the tone of this letter. | analyse tone
Offer the reader two tips for saving water. | offer tip
Simplify the fraction. | simplify fraction
Come up with a slogan for a bicycle shop. | -
Match each country with its capital. | match country
What would you say to a friend who lost his job? | -
Complete the analogy. | complete analogy
Check the sentence for grammar errors. | check sentence
Combine the two sentences into one. | combine sentence
State the rule behind the sequence. | state rule
Underline the nouns. | underline noun
Discuss the advantages of public libraries. | discuss advantage
Recommend a suitable wine for grilled fish. | recommend wine
From the paragraph, pull out the names of all rivers. | pull name
Put the events into chronological order. | put event
Write me a limerick about a lazy cat. | write limerick
Spell out the abbreviations in the note. | spell abbreviation
Make the sentence negative. | make sentence
Ask the guest three polite questions. | ask question
Count the vowels in the word. | count vowel
Label the sentence as a question, a command or a statement. | label sentence
Invent a new board game for rainy afternoons. | invent game
A train leaves at 9:40 and takes 75 minutes. When does it arrive? | -
Task: Group the animals by the number of their legs. | group animal
Imagine a world without clocks and describe a morning in it. | imagine world
Here is a list of tasks. Order them by importance. | -
Let's write a short dialogue between a fox and a hen. | write dialogue
Please briefly describe the plot of the film. | describe plot
Try to find a shorter way of saying this. | find way
How can I remove a coffee stain from a carpet? | remove stain
Act as a librarian and suggest three books. | -
Solve for x. | -
Write an engaging product description for a folding umbrella. | write description
Guess the occupation from the description. | guess occupation
Produce a black and white version of the colour scheme. | produce version
"""

# These were written before the reader first ran and were out of view while it was written; it was measured on them once.
HELD_OUT = """
Compose a lullaby for a baby hippo. | compose lullaby
Break down the sentence into its grammatical parts. | break sentence
Give three reasons why bees matter. | give reason
Highlight the most important words in the paragraph. | highlight word
Where does the river Po flow into the sea? | -
Prepare a packing list for a winter camping weekend. | prepare list
Paraphrase the statement without changing its meaning. | paraphrase statement
Assign each book to one of these genres. | assign book
For each word, give a synonym and an antonym. | give synonym
Turn this complaint into a compliment. | turn complaint
Write two sentences that use the word "bank" in different senses. | write sentence
Report the number of words in the text. | report number
Can you name a famous bridge in Budapest? | name bridge
Evaluate the expression for x = 3. | evaluate expression
You are a museum guide. Introduce the oldest object of the collection to a school class. | introduce object
Shorten the message to fewer than twenty words. | shorten message
Who wrote the opera Carmen? | -
After reading the dialogue, describe how the two speakers feel. | -
Express the number 45 in binary. | express number
Verify the claim with the given facts. | verify claim
Tell the story of the ugly duckling from the point of view of its brother. | tell story
Advise a student who has trouble falling asleep. | advise student
Translate into German. | -
Formulate a question to which the text is the answer. | formulate question
Delete all punctuation marks. | delete mark
Construct a truth table for the formula. | construct table
When a customer asks for a refund, write a short reply. | write reply
Build a vocabulary list from the words in bold. | build list
Judge if the two headlines report the same event. | -
Set up a simple budget for a student who shares a flat. | set budget
Extract the author, the title and the year from the citation. | extract author
Add a rhyming line to the couplet. | add line
What are some good ways to learn the names of stars? | -
Arrange the letters to form a word. | arrange letter
Guide the user through the steps of changing a tyre. | guide user
Write a program to print the first ten square numbers. | write program
Interpret the results of the survey for a newspaper reader. | interpret result
Provide an appropriate response to the invitation. | provide response
Is it safe to eat raw mushrooms? | -
Look up the boiling point of ethanol. | look point
Your goal is to guess the secret number with as few questions as possible. | guess number
Split the string at each comma. | split string
Mark the stressed syllable in each word. | mark syllable
Recite the months in reverse order. | recite month
Considering the budget, choose one of the three phones and justify your choice. | choose phone
Write a polite yet firm letter to a noisy neighbour. | write letter
Sketch a plan for a vegetable garden on a balcony. | sketch plan
Tell me the capital of New Zealand. | tell capital
Teach me a card trick. | teach trick
Describe in three sentences what a notary does. | -
Find the longest palindrome in the sentence. | find palindrome
Insert the missing commas. | insert comma
Transform the informal text into a formal business letter. | transform text
Explain the following proverb to a ten-year-old. | explain proverb
Select all the even numbers. | select number
Develop a marketing strategy for a small cheese shop. | develop strategy
Would you rather live by the sea or in the mountains? | -
Cite two sources that support the statement. | cite source
Read this. Then, in your own words, retell the legend. | -
Quote the sentence in which the hero is first named. | quote sentence
Fix the bug in the loop. | fix bug
Prove that the square root of 2 is irrational. | -
Divide the students into three teams of equal strength. | divide student
Organise the ideas in a mind map. | organise idea
Point out the logical error in the argument. | point error
Work out the tip for a bill of 48 euros. | work tip
Respond politely. | -
Schedule five meetings so that no two overlap. | schedule meeting
Reply to the message as if you were the manager. | -
Assume you run a small hotel; write a welcome note for the guests. | write note
Use the word "ladder" in a sentence. | use word
Locate the clause that covers late payment. | locate clause
Pair each inventor with an invention. | pair inventor
Take the role of a chef and describe your signature dish. | take role
Substitute the vague verbs with precise ones. | substitute verb
Rate the following film reviews on a scale from 1 to 5. | rate review
Cut the text to half its length. | cut text
Expand the abbreviation. | expand abbreviation
Which month has the fewest days? | -
Develop three different endings for the fairy tale. | develop ending
Spot the contradiction. | spot contradiction
Write instructions for assembling a bookshelf. | write instruction
Say the sentence in a more polite way. | say sentence
Critique the opening lines of this short story. | critique line
Could you give me some advice on buying a used piano? | give advice
Brainstorm possible names for a community garden. | brainstorm name
Mention two famous rivers in Asia and one in Europe. | mention river
Round the number to two decimal places. | round number
I need you to proofread my cover letter. | proofread letter
Decode the message, in which each letter is shifted by three. | decode message
"""


def pairs(table: str) -> list[tuple[str, tuple[str, str] | None]]:
    """Return the sentences of a table, each with its pair or None."""
    rows = []
    for line in table.strip().split("\n"):
        sentence, _, label = line.rpartition(" | ")
        verb, _, noun = label.partition(" ")
        rows.append((sentence, (verb, noun) if noun else None))
    return rows
