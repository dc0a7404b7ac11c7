/**
 * Times in the notation of Go's layouts, whose reference time is Mon Jan 2 15:04:05 MST 2006.
 * Always UTC.
 */

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

const elements =
  /January|Jan|Monday|Mon|MST|2006|Z07:00|Z0700|-07:00|-0700|-07|[.,]0+(?![0-9])|01|02|03|04|05|06|002|15|_2|PM|pm|1|2|3|4|5/g

export function formatGoTime(atMs: number, layout: string): string {
  const time = new Date(atMs)
  return layout.replace(elements, (element) => formatElement(time, element))
}

function formatElement(time: Date, element: string): string {
  const hours12 = time.getUTCHours() % 12 || 12
  switch (element) {
    case 'January':
      return months[time.getUTCMonth()] ?? ''
    case 'Jan':
      return (months[time.getUTCMonth()] ?? '').slice(0, 3)
    case 'Monday':
      return days[time.getUTCDay()] ?? ''
    case 'Mon':
      return (days[time.getUTCDay()] ?? '').slice(0, 3)
    case 'MST':
      return 'UTC'
    case '2006':
      return String(time.getUTCFullYear()).padStart(4, '0')
    case '06':
      return two(time.getUTCFullYear() % 100)
    case '01':
      return two(time.getUTCMonth() + 1)
    case '1':
      return String(time.getUTCMonth() + 1)
    case '02':
      return two(time.getUTCDate())
    case '_2':
      return String(time.getUTCDate()).padStart(2)
    case '2':
      return String(time.getUTCDate())
    case '002':
      return String(dayOfYear(time)).padStart(3, '0')
    case '15':
      return two(time.getUTCHours())
    case '03':
      return two(hours12)
    case '3':
      return String(hours12)
    case '04':
      return two(time.getUTCMinutes())
    case '4':
      return String(time.getUTCMinutes())
    case '05':
      return two(time.getUTCSeconds())
    case '5':
      return String(time.getUTCSeconds())
    case 'PM':
      return time.getUTCHours() < 12 ? 'AM' : 'PM'
    case 'pm':
      return time.getUTCHours() < 12 ? 'am' : 'pm'
    case 'Z07:00':
    case 'Z0700':
      return 'Z'
    case '-07:00':
      return '+00:00'
    case '-0700':
      return '+0000'
    case '-07':
      return '+00'
    default:
      return element.charAt(0) + fraction(time, element.length - 1)
  }
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function fraction(time: Date, digits: number): string {
  return String(time.getUTCMilliseconds()).padStart(3, '0').padEnd(digits, '0').slice(0, digits)
}

function dayOfYear(time: Date): number {
  return Math.floor((time.getTime() - Date.UTC(time.getUTCFullYear(), 0, 1)) / 86_400_000) + 1
}
